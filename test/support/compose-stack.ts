import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from "testcontainers";
import { eventually, type PartName, type Stack } from "./stack.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
const docker = async (...args: string[]): Promise<string> => (await run("docker", args, { cwd: root, maxBuffer: 64 * 2 ** 20 })).stdout.trim();

/** Service names and ports of docker-compose.yml. */
const services: Record<PartName, { service: string; port: number }> = {
  smmu: { service: "smmu", port: 5001 },
  host: { service: "host", port: 5002 },
  vmm0: { service: "vmm", port: 5003 },
  guest0: { service: "guest", port: 5004 },
  vmm1: { service: "vmm1", port: 5005 },
  guest1: { service: "guest1", port: 5006 },
};
const ADMIN = 3000;

/** The image is built once for all that need it: every service runs the same. */
let built: Promise<unknown> | null = null;
export const buildImage = (): Promise<unknown> => (built ??= docker("compose", "build", "--quiet", "smmu"));

/** The stack of docker-compose.yml under a project of its own: parts are containers, joined by TCP. `profiles`: vm1 for the second VM. */
export function composeStack(project: string, profiles: string[] = []): Stack & { compose(...args: string[]): Promise<string>; container(part: PartName): string } {
  const container = (part: PartName) => `${project}-${services[part].service}-1`;
  const compose = (...args: string[]) => docker("compose", "-p", project, ...profiles.flatMap((profile) => ["--profile", profile]), ...args);
  let environment: StartedDockerComposeEnvironment | null = null;
  return {
    title: "four containers",
    compose,
    container,
    lab: (part) => new LabClient(`127.0.0.1:${services[part].port}`),
    async up() {
      await buildImage();
      if (environment) {
        // The engine calls a container unhealthy from its unpause until its next probe, and compose gives up at once on an unhealthy one.
        await eventually(async () => ((await compose("ps", "--format", "{{.Health}}")).includes("unhealthy") ? null : true));
        return void (await compose("up", "-d", "--wait", "--no-build"));
      }
      const parts = (Object.keys(services) as PartName[]).filter((part) => !/1$/.test(part) || profiles.includes("vm1"));
      const first = new DockerComposeEnvironment(root, "docker-compose.yml").withProjectName(project).withProfiles(...profiles);
      for (const part of parts) first.withWaitStrategy(`${services[part].service}-1`, Wait.forHealthCheck());
      environment = await first.up();
    },
    async state(part, path) {
      const admin = services[part].port + ADMIN;
      return JSON.parse(
        await docker("exec", container(part), "node", "-e", `fetch("http://127.0.0.1:${admin}${path}").then((r) => r.text()).then((t) => console.log(t))`),
      );
    },
    kill: async (part) => void (await docker("kill", container(part))),
    pause: async (part) => void (await docker("pause", container(part))),
    resume: async (part) => void (await docker("unpause", container(part))),
    async gone(part) {
      const code = Number(await docker("wait", container(part)));
      const { stdout, stderr } = await run("docker", ["logs", container(part)]);
      return { code: code > 128 ? null : code, said: stdout + stderr };
    },
    network: {
      cut: async (part) => void (await docker("network", "disconnect", `${project}_default`, container(part))),
      heal: async (part) => void (await docker("network", "connect", "--alias", services[part].service, `${project}_default`, container(part))),
    },
    async down() {
      await environment?.down({ removeVolumes: true });
      await compose("down", "-v", "--timeout", "2");
      environment = null;
    },
  };
}
