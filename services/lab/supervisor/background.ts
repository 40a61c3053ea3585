// The supervisor of `faultline up`: a process of its own that holds the services' pipes. `node background.ts OPTIONS-AS-JSON`; its first line on stdout says how it went.
import { rmSync } from "node:fs";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import { Failure } from "../cli/errors.ts";
import { lossOf } from "./loss.ts";
import { partsOf } from "./parts.ts";
import { createRunFolder, type RunFolder } from "./run-folder.ts";
import { CAUSE_MS, GRACE_MS, pause } from "./running-processes.ts";
import { alive, ended, readyMs, type Service, startService, stopServices } from "./services.ts";

export interface BackgroundOptions {
  machine: Machine;
  name: string | null;
  switches: string[];
  /** Admin ports from here on, one a part; null: none. */
  adminPort: number | null;
  logLevel: string;
}
export type BackgroundReply = { ok: true; run: string } | { ok: false; message: string; field: string | undefined };

const reply = (line: BackgroundReply): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** The services of one run: starts what is missing, lower ends first. */
class Supervisor {
  readonly #run: RunFolder;
  readonly #options: BackgroundOptions;
  readonly #services = new Map<string, Service>();
  readonly #ends = new Map<string, string>();
  #starts = 0;
  #stopping = false;

  constructor(run: RunFolder, options: BackgroundOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Resolves when every part is ready; rejects with the sentence of the one that is not. */
  async start(): Promise<void> {
    const { machine, switches, adminPort, logLevel } = this.#options;
    const parts = partsOf(machine.vms.length);
    for (const [i, part] of parts.entries()) {
      const old = this.#services.get(part.name);
      if (old && alive(old)) continue;
      const port = adminPort === null ? undefined : adminPort + i;
      rmSync(this.#run.socket(part.name), { force: true }); // a killed service leaves its socket
      const service = startService(this.#run, part, { switches, adminPort: port, logLevel, log: "file" });
      this.#services.set(part.name, service);
      this.#ends.delete(part.name);
      void ended(service).then(({ how }) => {
        if (this.#stopping) return;
        this.#ends.set(part.name, how);
        this.#record();
      });
    }
    this.#starts++;
    this.#record();
    const services = [...this.#services.values()];
    const clients = services.map(({ name }) => new LabClient(`unix:${this.#run.socket(name)}`));
    let ready = false;
    const lost = lossOf(services, () => ready || this.#stopping);
    lost.catch(() => {});
    try {
      // A call that fails is only what follows when its service is gone: the loss says why.
      const answered = Promise.all(clients.map((client) => client.ready(readyMs(this.#options.machine)))).catch((error: Error) =>
        pause(CAUSE_MS).then(() => Promise.reject(error)),
      );
      await Promise.race([answered, lost]);
    } finally {
      ready = true;
      for (const client of clients) client.close();
    }
  }

  /** run.json says who serves, and how those ended who do not. */
  #record(): void {
    const { adminPort } = this.#options;
    this.#run.services(
      [...this.#services.values()].map(({ name, child }, i) => ({
        name,
        pid: child.pid ?? 0,
        admin: adminPort === null ? "" : `127.0.0.1:${adminPort + i}`,
        ended: this.#ends.get(name) ?? null,
      })),
      this.#starts,
    );
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    await stopServices([...this.#services.values()], GRACE_MS);
    this.#run.remove();
    process.exit(0);
  }
}

const options = JSON.parse(process.argv[2]) as BackgroundOptions;
const run = createRunFolder(`${JSON.stringify(options.machine)}\n`, "up", options.name ?? undefined, options.switches);
const supervisor = new Supervisor(run, options);
process.on("SIGTERM", () => void supervisor.stop());
process.on("SIGINT", () => void supervisor.stop());
// `up` on a run that lost parts: start them again. Whether they came up, whoever asked sees in their lab/v1.
process.on("SIGHUP", () => void supervisor.start().catch(() => {}));
try {
  await supervisor.start();
  reply({ ok: true, run: run.name });
} catch (error) {
  reply({ ok: false, message: (error as Error).message, field: error instanceof Failure ? error.field : undefined });
  await supervisor.stop();
}
setInterval(() => {}, 2 ** 30); // the services' pipes stay open until `down`
