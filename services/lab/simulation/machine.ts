import { type EdgeRule, faultOf } from "@faultline/shared/edge/rules.ts";
import { ArmedFaults } from "@faultline/shared/lab/armed-faults.ts";
import { awaitedKinds, type FaultRule, type LoadedRule } from "@faultline/shared/lab/fault-rule.ts";
import { loadFaultRules } from "@faultline/shared/lab/load-fault-rules.ts";
import type { RuleProgress } from "@faultline/shared/lab/trigger.ts";
import type { Workload, WorkloadResult } from "@faultline/shared/linux/workload.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import type { TraceEvent, TraceFields, Tracer } from "@faultline/shared/trace/tracer.ts";
import { counts as smmuCounts } from "@faultline/smmu/core/state/structures.ts";
import { pointTable } from "../scenarios/point-table.ts";
import { partsOf } from "../supervisor/parts.ts";
import { SimExecution } from "./execution.ts";
import type { Way } from "./link.ts";
import { Power, type SimPart } from "./part.ts";
import { Points } from "./points.ts";
import { RunningParts } from "./running-parts.ts";
import { type DriveResult, Scheduler } from "./scheduler.ts";
import { type Recorded, Recorder } from "./tracer.ts";

export interface SimulationOptions {
  seed: number;
  /** Ids of defects and mutants that are on. */
  switches: ReadonlySet<string>;
  /** Every named point lets another task run first, for a time that the seed draws. */
  yieldEverywhere?: boolean;
  /** Messages pass through the codec of their edge and its protobuf encoding; the history is the same. */
  encode?: boolean;
  /** What the history holds; without it everything. What rules and faults of parts wait for must be in it. */
  recorded?: Recorded;
}

/** How a workload of a simulated guest ended: `lost`, because the guest was. */
export type SimWorkloadEnd = DriveResult<WorkloadResult> | { ended: false; reason: "lost" };

/** The whole machine in one process: the cores of the four services over edges in memory, one scheduler, virtual time. */
export class SimulatedMachine {
  readonly scheduler: Scheduler;
  readonly points: Points;
  readonly lab: Tracer;
  readonly parts: RunningParts;
  readonly #machine: Machine;
  readonly #recorder: Recorder;
  readonly #seed: number;
  #rules: readonly LoadedRule[] = [];
  /** Kinds of events that they wait for, while something is kept or until it happens. */
  #awaited: ReadonlySet<string> = new Set();
  #armedAt = 0;
  /** How far the rules had come in parts that are off, by name. */
  readonly #progress = new Map<string, RuleProgress[]>();
  /** The last workload; null: its guest is lost. */
  #work: Promise<WorkloadResult | null> = Promise.resolve(null);
  #starting: Promise<string | null> = Promise.resolve(null);

  constructor(machine: Machine, options: SimulationOptions) {
    this.#machine = machine;
    this.#seed = options.seed;
    this.scheduler = new Scheduler(options.seed);
    this.points = new Points(this.scheduler, options.yieldEverywhere);
    this.#recorder = new Recorder(this.scheduler, options.recorded);
    this.lab = this.#recorder.tracer("lab", { value: 0 });
    this.parts = new RunningParts(machine, {
      scheduler: this.scheduler,
      points: this.points,
      switches: options.switches,
      encode: options.encode ?? false,
      part: (name) => this.#part(name),
      exit: (part, reason) => {
        if (part.power.on) this.#off(part, "exit", reason);
      },
    });
    this.points.onRelease = () => this.parts.kick();
    this.watch(({ kind, fields }) => {
      if (this.#rules.length > 0) this.#heard(kind, fields);
    });
  }

  get history(): readonly TraceEvent[] {
    return this.#recorder.events;
  }

  /** Told of every event that is recorded from now on, before anything else happens. */
  watch(seen: (event: TraceEvent) => void): void {
    this.#recorder.watch(seen);
  }

  /** Boots hardware, host, and per VM its VMM and guest. An InfrastructureError names the part that does not come up, as between processes. */
  async boot(): Promise<void> {
    const result = await this.scheduler.drive(this.start());
    if (!result.ended) throw new InfrastructureError(`the simulated machine did not come up: ${result.reason} at ${this.scheduler.now()} ns`);
    if (result.value) throw new InfrastructureError(`the simulated machine did not come up: ${result.value}`);
  }

  /** Starts every part that is off, the lower end of each edge first. To be driven. null, or the sentence of the part that does not come up. */
  start(): Promise<string | null> {
    this.#starting = this.#starting.then(() => this.#start()); // one after the other: nothing is started twice
    return this.#starting;
  }

  async #start(): Promise<string | null> {
    const again = this.parts.hardware !== null;
    for (const part of partsOf(this.#machine.vms.length)) {
      if (this.parts.find(part.name)) continue;
      const ret = await this.parts.start(part, () => {
        if (again) this.lab.emit("lab.part", {}, { part: part.name, did: "start" });
      });
      if (ret < 0) return `${part.name} did not boot: ${ret}`;
    }
    return null;
  }

  /** Arms the rules on every edge and point; each rule counts the messages of its own direction. A RuleError when one of them cannot be. */
  arm(rules: readonly (EdgeRule | FaultRule)[]): void {
    const loaded = loadFaultRules(rules.map(faultOf), { points: pointTable }); // all of every service
    this.#armedAt = this.scheduler.now();
    this.#progress.clear();
    this.#rules = loaded.map((rule, i) => ({ ...rule, condition: rule.condition ?? (rules[i] as EdgeRule).condition ?? null }));
    this.#awaited = awaitedKinds(this.#rules);
    for (const part of this.#running()) part.faults.arm(this.#rules, this.#seed);
    this.lab.emit("lab.rules-armed", {}, { rules: rules.map(({ id }) => id) });
  }

  /** Something kept until an event of this kind goes on, after whatever runs now. */
  #heard(kind: string, fields: TraceFields): void {
    const { releases } = kind === "edge.rule" || kind === "lab.rule" ? fields : {};
    if (releases !== undefined)
      this.scheduler.labAfter(0, () => {
        for (const { faults } of this.#running()) faults.release(String(releases));
      });
    if (!this.#awaited.has(kind)) return;
    const waiting = this.#running().filter(({ faults }) => faults.awaits(kind));
    if (waiting.length === 0) return;
    this.scheduler.labAfter(0, () => {
      for (const { faults } of waiting) faults.heard(kind);
    });
  }

  /** The part dies at once, with everything that it had not sent; those that need it see their edge break. */
  kill(name: string, rule?: string): void {
    const part = this.parts.find(name);
    if (part) this.#off(part, "kill", null, rule);
  }

  pause(name: string, rule?: string): void {
    this.#did(name, "pause", rule);
    this.parts.find(name)?.power.pause();
  }

  resume(name: string, rule?: string): void {
    this.#did(name, "resume", rule);
    this.parts.find(name)?.power.resume();
  }

  /** Messages from the part arrive nowhere, those to it do not arrive, or both. */
  cut(name: string, ways: "both" | "from" | "to", rule?: string): void {
    this.#did(name, "partition", rule);
    for (const link of this.parts.links) {
      if (!link.of(name) || link.dead) continue;
      const [from, to]: Way[] = link.upper.name === name ? ["down", "up"] : ["up", "down"];
      link.cut(ways === "both" ? ["up", "down"] : [ways === "from" ? from : to]);
    }
  }

  join(name: string, rule?: string): void {
    this.#did(name, "join", rule);
    for (const link of this.parts.links) if (link.of(name)) link.join();
  }

  /** Every part that is paused goes on, and every link is whole. */
  resumeAll(): void {
    for (const { name } of partsOf(this.#machine.vms.length)) {
      if (this.parts.find(name)?.power.paused) this.resume(name);
      if (this.parts.links.some((link) => link.isCut && link.of(name))) this.join(name);
    }
  }

  /** What every part holds, by its name; a part that is off holds nothing. */
  counts(): Record<string, Record<string, number>> {
    const { hardware, host, vmms, guests } = this.parts;
    const running = [
      ...(hardware ? [{ part: hardware.part, read: () => smmuCounts(hardware.core) }] : []),
      ...(host ? [{ part: host.part, read: () => ({ ...host.core.counts() }) }] : []),
      ...[...vmms.values(), ...guests.values()].map(({ part, core }) => ({ part, read: (): Record<string, number> => core.counts() })),
    ];
    return Object.fromEntries(running.filter(({ part }) => part.power.on).map(({ part, read }) => [part.name, read()]));
  }

  /** Runs a workload in guest `vm` until it ends, the guest is lost, or nothing is runnable any more. */
  async runWorkload(files: { name: string; bytes: Uint8Array }[], workload: Workload, options: { vm?: number; limitNs?: number } = {}): Promise<SimWorkloadEnd> {
    const guest = this.parts.guests.get(options.vm ?? 0);
    if (!guest?.part.power.on) return { ended: false, reason: "lost" };
    this.#work = Promise.race([guest.core.runWorkload(files, workload), guest.part.power.gone.then(() => null)]);
    return this.awaitWorkload(options.limitNs);
  }

  /** Goes on with the last workload. */
  async awaitWorkload(limitNs?: number): Promise<SimWorkloadEnd> {
    const end = await this.scheduler.drive(this.#work, limitNs);
    if (!end.ended) return end;
    return end.value ? { ended: true, value: end.value } : { ended: false, reason: "lost" };
  }

  /** Lets everything that is under way come to rest: work after the workload's end, at most `limitNs` of it. */
  async settle(limitNs: number): Promise<void> {
    await this.scheduler.drive(new Promise<never>(() => {}), limitNs);
  }

  /** The machine is over: nobody drives it any more, and its history stays. */
  close(): void {
    this.parts.close();
  }

  #running(): SimPart[] {
    return partsOf(this.#machine.vms.length).flatMap(({ name }) => this.parts.find(name) ?? []);
  }

  #did(part: string, did: string, rule?: string): void {
    this.lab.emit("lab.part", {}, { part, did, ...(rule ? { rule } : {}) });
  }

  #off(part: SimPart, did: "kill" | "exit", reason: string | null, rule?: string): void {
    this.lab.emit("lab.part", {}, { part: part.name, did, ...(reason ? { reason } : {}), ...(rule ? { rule } : {}) });
    this.#progress.set(part.name, part.faults.progress());
    part.power.off();
    for (const link of this.parts.links) if (link.upper === part || link.lower === part) link.partGone(part);
  }

  #part(name: string): SimPart {
    const lamport = { value: 0 };
    const power = new Power((run) => void this.scheduler.after(0, run));
    const tracer = this.#recorder.tracer(name, lamport);
    const faults = new ArmedFaults({
      now: () => this.scheduler.now(),
      timer: (ns, expired) => void this.scheduler.labAfter(ns, () => power.run(expired)),
      tracer,
    });
    faults.resumed = () => this.parts.kick();
    // Rules are the run's, not the part's: one that is started goes on with them.
    if (this.#rules.length > 0) faults.arm(this.#rules, this.#seed, { ageNs: this.scheduler.now() - this.#armedAt, rules: this.#progress.get(name) ?? [] });
    const { kind, vm } = partsOf(this.#machine.vms.length).find((part) => part.name === name)!;
    return { name, kind, vm, power, lamport, tracer, faults, execution: new SimExecution(this.scheduler, this.points, power, faults.points) };
  }
}
