import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { StartRules } from "@faultline/shared/shell/start-rules.ts";
import type { PartControl } from "../connection/part-control.ts";
import { lossOf } from "./loss.ts";
import { partsOf } from "./parts.ts";
import type { RunFolder } from "./run-folder.ts";
import { alive, ended, readyMs, type Service, type ServiceOptions, startService } from "./services.ts";

/** Kills, pauses and starts the processes of a run that this command owns. */
export class ProcessControl implements PartControl {
  /** All that were started: ended ones too. */
  readonly services: Service[] = [];
  /** Of parts that were started again. */
  readonly clients: LabClient[] = [];
  readonly network = null;
  /** Rejects when a part is lost that was started again and that nobody wanted to lose. */
  readonly lostAgain: Promise<never>;
  #lostAgain: (error: unknown) => void = () => {};
  readonly #run: RunFolder;
  readonly #machine: Machine;
  readonly #options: ServiceOptions;
  readonly #expected = new Set<string>();
  #gone: (part: string) => void = () => {};
  #closed = false;

  constructor(run: RunFolder, machine: Machine, options: ServiceOptions) {
    this.#run = run;
    this.#machine = machine;
    this.#options = options;
    this.lostAgain = new Promise((_, reject) => (this.#lostAgain = reject));
    this.lostAgain.catch(() => {});
  }

  readonly expected = (part: string): boolean => this.#expected.has(part);

  add(service: Service): void {
    this.services.push(service);
    void ended(service).then(() => this.#gone(service.name));
  }

  alive(part: string): boolean {
    const service = this.#latest(part);
    return service !== undefined && alive(service);
  }

  expectLoss(parts: readonly string[]): void {
    for (const part of parts) this.#expected.add(part);
  }

  expectLife(parts: readonly string[]): void {
    for (const part of parts) this.#expected.delete(part);
  }

  onGone(gone: (part: string) => void): void {
    this.#gone = gone;
  }

  async kill(part: string): Promise<void> {
    const service = this.#latest(part)!;
    service.child.kill("SIGKILL");
    await ended(service);
  }

  async pause(part: string): Promise<void> {
    this.#latest(part)!.child.kill("SIGSTOP");
  }

  async resume(part: string): Promise<void> {
    this.#latest(part)!.child.kill("SIGCONT");
  }

  async start(name: string, rules: StartRules): Promise<LabClient> {
    const part = partsOf(this.#machine.vms.length).find((one) => one.name === name)!;
    rmSync(this.#run.socket(name), { force: true }); // a killed service leaves its socket
    const file = join(this.#run.dir, `${name}.rules.json`);
    writeFileSync(file, JSON.stringify(rules));
    const service = startService(this.#run, part, { ...this.#options, rules: file });
    this.add(service);
    this.#expected.delete(name);
    const lost = lossOf([service], () => this.#closed, this.expected);
    lost.catch((error) => this.#lostAgain(error));
    const client = new LabClient(`unix:${this.#run.socket(name)}`);
    this.clients.push(client);
    await Promise.race([client.ready(readyMs(this.#machine)), lost]);
    return client;
  }

  /** The run ends: what is lost from here on is what it should be. */
  end(): void {
    this.#closed = true;
  }

  #latest(part: string): Service | undefined {
    return this.services.findLast(({ name }) => name === part);
  }
}
