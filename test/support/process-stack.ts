import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import { liveRuns, runsFolder } from "../../services/lab/supervisor/run-folder.ts";
import { faultline } from "./faultline.ts";
import { eventually, type PartName, type Stack } from "./stack.ts";

/** A run of `faultline up`: parts are processes, joined by Unix sockets. */
export function processStack(run: string, machine: string): Stack {
  const service = (part: PartName) =>
    liveRuns()
      .find((live) => live.run === run)!
      .services.find(({ name }) => name === part)!;
  const signal = (part: PartName, name: NodeJS.Signals) => void process.kill(service(part).pid, name);
  const lab = (part: PartName) => new LabClient(`unix:${join(runsFolder(), run, `${part}.sock`)}`);
  return {
    title: "four processes",
    network: null,
    lab,
    async up() {
      const { code, stderr } = await faultline("up", "--run", run, "--machine", machine, "--admin-port", "none");
      if (code !== 0) throw new Error(stderr);
    },
    async state(part, path) {
      const client = lab(part);
      try {
        return await client.state(path);
      } finally {
        client.close();
      }
    },
    kill: async (part) => signal(part, "SIGKILL"),
    pause: async (part) => signal(part, "SIGSTOP"),
    resume: async (part) => signal(part, "SIGCONT"),
    async gone(part) {
      const ended = await eventually(() => service(part).ended);
      const code = /exit code (\d+)/.exec(ended);
      return { code: code ? Number(code[1]) : null, said: readFileSync(join(runsFolder(), run, `${part}.log`), "utf8") };
    },
    async down() {
      await faultline("down", "--connect", run);
    },
  };
}
