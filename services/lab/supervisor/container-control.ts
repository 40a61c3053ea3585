import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { StartRules } from "@faultline/shared/shell/start-rules.ts";
import { infrastructureError } from "../cli/errors.ts";
import type { PartControl, PartNetwork } from "../connection/part-control.ts";
import { partsOf } from "./parts.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const FIRST_PORT = 5001;
const READY_MS = 30_000;

/** The docker client, in the repository. An infrastructure error carries its last line. */
export async function docker(...args: string[]): Promise<string> {
  try {
    return (await run("docker", args, { cwd: root, maxBuffer: 64 * 2 ** 20 })).stdout.trim();
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw infrastructureError(`docker ${args.slice(0, 2).join(" ")}: ${(stderr || message).trim().split("\n").at(-1)}`);
  }
}

/** Kills, pauses, cuts off and starts the containers of a compose project that this command owns. */
export class ContainerControl implements PartControl {
  readonly clients: LabClient[] = [];
  readonly network: PartNetwork = {
    cut: async (part) => void (await docker("network", "disconnect", `${this.#project}_default`, this.#container(part))),
    join: async (part) => void (await docker("network", "connect", "--alias", serviceOf(part), `${this.#project}_default`, this.#container(part))),
    reconnect: async (part) => {
      const client = this.#client(part);
      await client.ready(READY_MS);
      return client;
    },
  };
  readonly #project: string;
  readonly #files: readonly string[];
  readonly #parts: readonly string[];
  readonly #rulesFile: (part: string, rules: StartRules) => void;
  readonly #running = new Set<string>();
  #gone: (part: string) => void = () => {};

  /** `files`: of docker compose, the base first. `rulesFile` writes what a container reads when it starts. */
  constructor(project: string, machine: Machine, files: readonly string[], rulesFile: (part: string, rules: StartRules) => void) {
    this.#project = project;
    this.#files = files;
    this.#rulesFile = rulesFile;
    this.#parts = partsOf(machine.vms.length).map(({ name }) => name);
  }

  compose(...args: string[]): Promise<string> {
    const profiles = this.#parts.length > 4 ? ["--profile", "vm1"] : [];
    return docker("compose", "-p", this.#project, ...this.#files.flatMap((file) => ["-f", file]), ...profiles, ...args);
  }

  /** Every part, by a client of its own. All run one image, which is built once: `up --build` would build it for each of them, and leave all but one behind without a name. */
  async up(): Promise<Map<string, LabClient>> {
    await this.compose("build", "--quiet", "smmu");
    await this.compose("up", "-d", "--wait", "--no-build");
    const clients = new Map<string, LabClient>();
    for (const part of this.#parts) clients.set(part, await this.#joined(part));
    return clients;
  }

  async down(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.compose("down", "-v", "--timeout", "2");
  }

  alive(part: string): boolean {
    return this.#running.has(part);
  }

  expectLoss(): void {} // who is asked for it is PartFaults
  expectLife(): void {}

  onGone(gone: (part: string) => void): void {
    this.#gone = gone;
  }

  async kill(part: string): Promise<void> {
    await docker("kill", this.#container(part));
    this.#running.delete(part);
  }
  async pause(part: string): Promise<void> {
    await docker("pause", this.#container(part));
  }
  async resume(part: string): Promise<void> {
    await docker("unpause", this.#container(part));
  }
  async start(part: string, rules: StartRules): Promise<LabClient> {
    this.#rulesFile(part, rules);
    await this.compose("up", "-d", "--wait", "--no-build", "--no-deps", serviceOf(part));
    return this.#joined(part);
  }

  async #joined(part: string): Promise<LabClient> {
    const client = this.#client(part);
    await client.ready(READY_MS);
    this.#running.add(part);
    const ended = () => {
      this.#running.delete(part);
      this.#gone(part);
    };
    void docker("wait", this.#container(part)).then(ended, ended);
    return client;
  }

  #client(part: string): LabClient {
    const client = new LabClient(`127.0.0.1:${FIRST_PORT + this.#parts.indexOf(part)}`);
    this.clients.push(client);
    return client;
  }

  #container(part: string): string {
    return `${this.#project}-${serviceOf(part)}-1`;
  }
}

/** The service of docker-compose.yml: those of the first VM have no number. */
const serviceOf = (part: string): string => part.replace(/0$/, "");
