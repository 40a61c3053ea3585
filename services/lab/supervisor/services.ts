import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { RunFolder } from "./run-folder.ts";

export interface Service {
  name: string;
  kind: "smmu" | "host" | "vmm" | "guest";
  child: ChildProcess;
  stderr: string;
}
export interface Ended {
  name: string;
  how: string;
}

/** gRPC makes much short-lived garbage: with room for it scavenges are rare, and rarer still on the path of a fault. */
const NODE_FLAGS = ["--max-semi-space-size=32"];

/** The parts of a machine, the lower end of each edge first. */
export const servicesOf = (vms: number): { name: string; kind: Service["kind"]; vm: number }[] => [
  { name: "smmu", kind: "smmu", vm: 0 },
  { name: "host", kind: "host", vm: 0 },
  ...Array.from({ length: vms }, (_, vm) => [
    { name: `vmm${vm}`, kind: "vmm" as const, vm },
    { name: `guest${vm}`, kind: "guest" as const, vm },
  ]).flat(),
];

/**
 * Starts one service. Its standard input is the supervisor's pipe: when that closes, the service ends, so that even `kill -9` of the supervisor leaves no process.
 * A session of its own keeps the terminal's Ctrl-C away from it: the supervisor ends it.
 */
export function startService(run: RunFolder, { name, kind, vm }: ReturnType<typeof servicesOf>[number], switches: readonly string[]): Service {
  const main = fileURLToPath(new URL(`../../${kind}/shell/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [...NODE_FLAGS, main], {
    stdio: ["pipe", "ignore", "pipe"],
    detached: true,
    env: {
      ...process.env,
      FAULTLINE_RUN_DIR: run.dir,
      FAULTLINE_MEMORY: run.memory,
      FAULTLINE_MACHINE_JSON: `${run.dir}/machine.json`,
      FAULTLINE_VM: String(vm),
      FAULTLINE_SWITCHES: switches.join(","),
    },
  });
  const service: Service = { name, kind, child, stderr: "" };
  child.stdin!.on("error", () => {}); // the service is gone: its exit says so
  child.stderr!.setEncoding("utf8").on("data", (chunk: string) => (service.stderr = (service.stderr + chunk).slice(-4000)));
  return service;
}

/** Resolves when the service is gone. */
export const ended = ({ name, child }: Service): Promise<Ended> =>
  new Promise((resolve) => {
    const how = (code: number | null, signal: string | null) => ({ name, how: signal ? `killed by ${signal}` : `exit code ${code}` });
    if (child.exitCode !== null || child.signalCode !== null) return resolve(how(child.exitCode, child.signalCode));
    child.once("exit", (code, signal) => resolve(how(code, signal)));
  });

/** Closes the pipe of every service; who does not end in time is killed. */
export async function stopServices(services: readonly Service[], graceMs: number): Promise<void> {
  const gone = Promise.all(services.map(ended));
  for (const { child } of services) child.stdin!.end();
  const late = setTimeout(() => services.forEach(kill), graceMs);
  await gone;
  clearTimeout(late);
}

function kill({ child }: Service): void {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
}
