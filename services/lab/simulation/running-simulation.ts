import type { Workload } from "@faultline/shared/linux/workload.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { infrastructureError } from "../cli/errors.ts";
import { FaultPlan } from "../scenarios/fault-plan.ts";
import type { PartAction, Ways } from "../scenarios/part-fault.ts";
import { lostWorkload, type RunningMachine, type WorkloadEnd } from "../supervisor/running-machine.ts";
import { SimulatedMachine, type SimulationOptions, type SimWorkloadEnd } from "./machine.ts";

/** Virtual time after which a workload that still has timers to wait for is given up. */
const WORKLOAD_LIMIT_NS = 600e9;
/** Virtual time for what is still under way when a workload has ended: longer than an ATS invalidation may take (PCIe 10.3.2: 60 s, + 50 %). */
const SETTLE_NS = 120e9;

/** A simulated machine as experiments use it. */
export class RunningSimulation implements RunningMachine {
  readonly #simulation: SimulatedMachine;
  readonly #vm: number;
  #plan: FaultPlan | null = null;
  #healing: Promise<void> | null = null;
  #driving = false;
  #operation: Workload["operation"] = "copy";

  constructor(simulation: SimulatedMachine, vm: number) {
    this.#simulation = simulation;
    this.#vm = vm;
    simulation.watch(({ kind }) => this.#plan?.seen(kind));
  }

  /** The machine itself, for who does more than rules can. */
  get machine(): SimulatedMachine {
    return this.#simulation;
  }

  async arm(rules: Parameters<RunningMachine["arm"]>[0]): Promise<void> {
    this.#simulation.arm(rules);
  }

  plan(planned: Parameters<RunningMachine["plan"]>[0]): void {
    this.#plan = new FaultPlan(planned, {
      later: (ns, action) => void this.#simulation.scheduler.labAfter(ns, action),
      act: (part, action, ways, rule) => this.#act(part, action, ways, rule),
      heal: (withinNs) => void this.heal(withinNs),
    });
  }

  heal(withinNs: number): Promise<void> {
    this.#healing ??= this.#driven(this.#heal(withinNs));
    return this.#healing;
  }

  async #heal(withinNs: number): Promise<void> {
    this.#plan?.end();
    this.#simulation.arm([]);
    this.#simulation.resumeAll();
    await this.#start();
    this.#simulation.lab.emit("lab.heal", {}, { withinNs });
  }

  async #start(): Promise<void> {
    // No lab failed: there is nothing here but the machine. Its counts say what is left of before, and the workload that nobody is there to run.
    const failed = await this.#simulation.start();
    if (failed) this.#simulation.lab.emit("lab.part", {}, { part: failed.split(" ")[0], did: "fail", reason: failed });
  }

  #act(part: string, action: PartAction, ways: Ways, rule: string): void {
    const simulation = this.#simulation;
    if (action === "kill") simulation.kill(part, rule);
    else if (action === "pause") simulation.pause(part, rule);
    else if (action === "resume") simulation.resume(part, rule);
    else if (action === "partition") simulation.cut(part, ways, rule);
    else if (action === "join") simulation.join(part, rule);
    else {
      simulation.kill(part, rule);
      void this.#start();
    }
  }

  runWorkload(...[files, workload]: Parameters<RunningMachine["runWorkload"]>): Promise<WorkloadEnd> {
    this.#simulation.lab.emit(
      "lab.workload-start",
      {},
      { operation: workload.operation, file: workload.file, bytes: files[0]?.bytes.length ?? 0, pagesPerGroup: workload.pagesPerGroup },
    );
    this.#operation = workload.operation;
    return this.#ends(() => this.#simulation.runWorkload(files, workload, { vm: this.#vm, limitNs: WORKLOAD_LIMIT_NS }));
  }

  awaitWorkload(): Promise<WorkloadEnd> {
    return this.#ends(() => this.#simulation.awaitWorkload(WORKLOAD_LIMIT_NS));
  }

  async #ends(drive: () => Promise<SimWorkloadEnd>): Promise<WorkloadEnd> {
    const { lab } = this.#simulation;
    this.#driving = true;
    const end = await drive();
    this.#driving = false;
    if (!end.ended && end.reason !== "lost") {
      const reason = end.reason === "idle" ? "nothing is runnable any more" : `not done after ${WORKLOAD_LIMIT_NS / 1e9} s of virtual time`;
      lab.emit("lab.deadlock", {}, { reason });
      return { ended: false, reason };
    }
    const result = end.ended ? end.value : lostWorkload(`guest${this.#vm}`, this.#operation);
    lab.emit("lab.workload-end", {}, { ok: result.ok, error: result.error, jobs: result.jobs });
    return { ended: true, result };
  }

  rest(): Promise<void> {
    return this.#simulation.settle(SETTLE_NS);
  }

  async counts(): ReturnType<RunningMachine["counts"]> {
    return this.#simulation.counts();
  }

  async history(): ReturnType<RunningMachine["history"]> {
    return this.#simulation.history;
  }

  collected(): ReturnType<RunningMachine["collected"]> {
    return this.history();
  }

  async close(): Promise<void> {
    this.#simulation.close();
  }

  /** Work that the workload's own drive carries on when it runs, and that is driven to its end otherwise. */
  async #driven(work: Promise<void>): Promise<void> {
    if (this.#driving) return work;
    const end = await this.#simulation.scheduler.drive(work, WORKLOAD_LIMIT_NS);
    if (!end.ended) throw infrastructureError(`the machine did not come up again: ${end.reason}`);
  }
}

/** Boots a simulated machine. `vm`: whose guest runs workloads. */
export async function startSimulation(machine: Machine, options: SimulationOptions & { vm?: number }): Promise<RunningSimulation> {
  const simulation = new SimulatedMachine(machine, options);
  simulation.lab.emit("lab.run-start", {}, { mode: "sim", seed: options.seed, switches: [...options.switches] });
  await simulation.boot();
  return new RunningSimulation(simulation, options.vm ?? 0);
}
