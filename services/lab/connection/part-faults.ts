import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { StartRules } from "@faultline/shared/shell/start-rules.ts";
import type { TraceFields } from "@faultline/shared/trace/tracer.ts";
import { infrastructureError, inputError } from "../cli/errors.ts";
import { FaultPlan, type PlannedFaults } from "../scenarios/fault-plan.ts";
import { refusalOf, type Way } from "../scenarios/modes.ts";
import type { PartAction, Ways } from "../scenarios/part-fault.ts";
import { type Part, partsOf } from "../supervisor/parts.ts";
import { unheard } from "./cut-edges.ts";
import type { PartControl } from "./part-control.ts";

/** How often a lower part is asked whether it has cleaned up, and for how long. */
const LOOK_MS = 20,
  CLEANUP_MS = 20_000;

export interface PartFaultPorts {
  machine: Machine;
  mark(kind: "lab.part", fields: TraceFields, not?: string): Promise<void>;
  /** A part serves lab/v1 again. */
  joined(part: string, client: LabClient, started: boolean): Promise<void>;
  /** A part is gone. */
  left(part: string): void;
  counts(part: string): Promise<Record<string, number> | undefined>;
  /** Nothing arrives at the part from these any more. Those of the cuts before whose edge died. */
  cut(part: string, from: readonly string[]): Promise<string[]>;
  /** How far the rules have come in these parts, which are about to stop: on real time what matches between the question and the signal is not counted. */
  remember(parts: readonly string[]): Promise<void>;
  /** What these parts have told so far is heard: a process that is killed takes along what it has not sent. */
  heard(parts: readonly string[]): Promise<void>;
  /** The rules that are armed now, for a part that is started. */
  rulesOf(part: string): StartRules;
  fail(error: Error): void;
}

/** Kills, pauses, cuts off and starts the parts of a machine that runs outside this process, on real time. */
export class PartFaults {
  readonly #mode: Way;
  readonly #control: PartControl | null;
  readonly #ports: PartFaultPorts;
  readonly #parts: readonly Part[];
  readonly #paused = new Set<string>();
  /** Without network. */
  readonly #cut = new Set<string>();
  /** Whose edges are cut, and which way: it can still be called. */
  readonly #cutEdges = new Map<string, Ways>();
  /** Gone, or about to be. */
  readonly #lost = new Set<string>();
  /** Those that end when a cut of edges lasts as long as keepalive waits. */
  readonly #threatened = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** One after the other: an action is done when the next begins. */
  #last: Promise<void> = Promise.resolve();
  #healing = false;
  healed: Promise<void> = Promise.resolve();

  constructor(mode: Way, control: PartControl | null, ports: PartFaultPorts) {
    this.#mode = mode;
    this.#control = control;
    this.#ports = ports;
    this.#parts = partsOf(ports.machine.vms.length);
    control?.onGone((part) => {
      if (!this.#lost.has(part) && !this.#threatened.delete(part)) return; // nobody expected it: the run ends
      this.#lost.add(part);
      ports.left(part);
      void this.#ports.mark("lab.part", { part, did: "exit" }).catch(() => {});
    });
  }

  /** Its loss is what the lab wanted. */
  expected(part: string): boolean {
    return this.#lost.has(part) || this.#cut.has(part) || this.#threatened.has(part);
  }

  /** A part is paused, or to be lost and still there. */
  get pending(): boolean {
    return this.#paused.size > 0 || [...this.#lost, ...this.#threatened].some((part) => this.#control?.alive(part));
  }

  /** The actions that have begun are done. */
  done(): Promise<void> {
    return this.#last;
  }

  /** It can be called: it is not gone, paused or cut off. */
  answers(part: string): boolean {
    return !this.#lost.has(part) && !this.#paused.has(part) && !this.#cut.has(part) && (this.#control?.alive(part) ?? true);
  }

  plan(planned: PlannedFaults, heal: (withinNs: number) => Promise<void>): FaultPlan {
    const refusal = refusalOf({ partFaults: [...planned.faults] }, this.#control ? this.#mode : "connected");
    if (refusal) throw inputError(refusal, "mode");
    return new FaultPlan(planned, {
      later: (ns, action) => {
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          action();
        }, ns / 1e6);
        this.#timers.add(timer);
      },
      act: (part, action, ways, rule) => this.#queue(() => this.#act(part, action, ways, rule)),
      heal: (withinNs) => void heal(withinNs).catch((error) => this.#ports.fail(error)),
    });
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** False: heal has begun already. */
  beginHeal(): boolean {
    const first = !this.#healing;
    this.#healing = true;
    return first;
  }

  /** What is paused goes on, what is cut off is joined, once the actions under way are done and those that are to be lost by them are. */
  async resumeAll(): Promise<void> {
    await this.#last;
    for (const part of [...this.#cutEdges.keys()]) await this.#act(part, "join", "both");
    if (this.#control) await this.#settled();
    for (const part of [...this.#cut]) await this.#act(part, "join", "both");
    for (const part of [...this.#paused]) await this.#act(part, "resume", "both");
  }

  /** Starts every part that is off, the lowest first. */
  async start(): Promise<void> {
    if (!this.#control || this.#lost.size + this.#threatened.size === 0) return;
    await this.#settled();
    for (const part of this.#parts) {
      if (this.#control.alive(part.name)) continue;
      await this.#cleanedUp(part);
      await this.#ports.mark("lab.part", { part: part.name, did: "start" }).catch(() => {});
      const client = await this.#control.start(part.name, this.#ports.rulesOf(part.name)).catch(notStarted(part.name));
      this.#lost.delete(part.name);
      await this.#ports.joined(part.name, client, true);
    }
  }

  #queue(action: () => Promise<void>): void {
    this.#last = this.#last.then(action).catch((error) => this.#ports.fail(error));
  }

  async #act(part: string, action: PartAction, ways: Ways, rule?: string): Promise<void> {
    const control = this.#control!;
    const why = rule ? { rule } : {};
    if (action === "restart") {
      await this.#act(part, "kill", ways, rule);
      return this.start();
    }
    const there = control.alive(part);
    if (action === "kill" && !there) return; // it cannot die twice
    if (action === "kill" || action === "partition" || action === "pause") await this.#ports.remember(this.#withThoseAbove(part));
    await this.#ports.mark("lab.part", { part, did: action, ...why }, part);
    if (action === "kill") {
      if (!this.#paused.has(part)) await this.#ports.heard([part]);
      this.#expectLoss(this.#withThoseAbove(part), this.#lost);
      await control.kill(part);
      this.#paused.delete(part);
    } else if (action === "pause") {
      // Faults of a part may overlap: it stands still once, and goes on with the first that says so.
      if (!there || this.#paused.has(part)) return;
      this.#paused.add(part);
      await control.pause(part);
    } else if (action === "resume") {
      if (!this.#paused.has(part)) return;
      await control.resume(part);
      this.#paused.delete(part);
      await this.#tellCuts(); // what it could not hear while it was paused
    } else if (action === "partition") await this.#cutOff(part, ways);
    else await this.#join(part);
  }

  /** All of a network where there is one; else, and one way, the edges: whoever receives keeps what arrives (lab/v1 Cut). What is above a part that is cut off ends with it, and it itself, but for the hardware. */
  async #cutOff(part: string, ways: Ways): Promise<void> {
    const ends = part === "smmu" ? this.#withThoseAbove(part).slice(1) : this.#withThoseAbove(part);
    const { network } = this.#control!;
    if (network && ways === "both") {
      this.#expectLoss(ends, this.#lost);
      this.#cut.add(part);
      return network.cut(part);
    }
    this.#expectLoss(ends, this.#threatened);
    this.#cutEdges.set(part, ways);
    await this.#tellCuts();
  }

  async #join(part: string): Promise<void> {
    if (this.#cutEdges.delete(part)) {
      if (await this.#tellCuts()) return; // too late: keepalive has given up
      this.#threatened.clear();
      for (const other of this.#cutEdges.keys()) for (const name of this.#withThoseAbove(other)) this.#threatened.add(name);
      return this.#control!.expectLife(this.#parts.map(({ name }) => name).filter((name) => !this.#lost.has(name) && !this.#threatened.has(name)));
    }
    const control = this.#control!;
    if (!this.#cut.has(part)) return;
    await control.network!.join(part);
    this.#cut.delete(part);
    if (!this.#lost.has(part) && control.alive(part)) await this.#ports.joined(part, await control.network!.reconnect(part), false);
  }

  /** Whether an edge died of the cuts before. */
  async #tellCuts(): Promise<boolean> {
    const told = [...unheard(this.#parts, this.#cutEdges)].filter(([name]) => this.answers(name));
    const broken = await Promise.all(
      told.map(([name, from]) =>
        this.#ports.cut(name, [...from]).catch((error) => {
          if (!this.expected(name)) throw error;
          return [name]; // it is gone
        }),
      ),
    );
    return broken.some(({ length }) => length > 0);
  }

  #expectLoss(parts: readonly string[], how: Set<string>): void {
    for (const name of parts) how.add(name);
    this.#control!.expectLoss(parts);
  }

  #withThoseAbove(part: string): string[] {
    const [victim] = this.#parts.filter(({ name }) => name === part);
    const above = this.#parts.filter(({ kind, vm }) => isAbove(kind, victim.kind) && (victim.kind === "smmu" || victim.kind === "host" || vm === victim.vm));
    return [part, ...above.map(({ name }) => name)];
  }

  /** Those that are to be lost are. */
  async #settled(): Promise<void> {
    await this.#until(() => [...this.#lost, ...this.#threatened].every((part) => !this.#control!.alive(part)));
    this.#threatened.clear();
  }

  /** The lower part refuses a successor until it has cleaned up (services/host and services/vmm, shell/main.ts). */
  async #cleanedUp({ kind, vm }: Part): Promise<void> {
    if (kind === "guest") await this.#until(async () => (await this.#ports.counts(`vmm${vm}`))?.guests === 0);
    if (kind === "vmm") {
      const others = this.#parts.filter((part) => part.kind === "vmm" && part.vm !== vm && this.#control!.alive(part.name)).length;
      await this.#until(async () => ((await this.#ports.counts("host"))?.processes ?? 0) <= others);
    }
  }

  async #until(holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + CLEANUP_MS;
    while (performance.now() < deadline && !(await holds())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** A part that does not come up again breaks the run off. */
const notStarted =
  (part: string) =>
  (error: Error): never => {
    throw infrastructureError(`${part} does not start again: ${error.message}`, part);
  };

const ORDER: Part["kind"][] = ["smmu", "host", "vmm", "guest"];
const isAbove = (kind: Part["kind"], other: Part["kind"]): boolean => ORDER.indexOf(kind) > ORDER.indexOf(other);
