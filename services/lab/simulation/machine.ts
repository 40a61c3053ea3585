import { createHash } from "node:crypto";
import { Guest } from "@faultline/guest/core/guest.ts";
import { Host, type VmmAttachment } from "@faultline/host/core/host.ts";
import { smmuEdge, vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import { type EdgeRule, EdgeRules } from "@faultline/shared/edge/rules.ts";
import type { Workload, WorkloadResult } from "@faultline/shared/linux/workload.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { HeapCpuRootTable } from "@faultline/shared/physical-memory/cpu-roots.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { guestCpuMemory, vmmCpuMemory } from "@faultline/shared/physical-memory/translated.ts";
import type { TraceEvent, Tracer } from "@faultline/shared/trace/tracer.ts";
import { Hardware } from "@faultline/smmu/core/hardware.ts";
import { Vmm } from "@faultline/vmm/core/vmm.ts";
import { connect } from "./connect.ts";
import { nodeEngine } from "./engine.ts";
import { SimExecution } from "./execution.ts";
import { Points } from "./points.ts";
import { type DriveResult, Scheduler } from "./scheduler.ts";
import { Recorder } from "./tracer.ts";

/** Virtual time of one step of the hardware: a command, a TLP. */
const STEP_NS = 50;

export interface SimulationOptions {
  seed: number;
  /** Ids of defects and mutants that are on. */
  switches: ReadonlySet<string>;
  /** Every named point lets another task run first, for a time that the seed draws. */
  yieldEverywhere?: boolean;
}

interface Service {
  name: string;
  tracer: Tracer;
  lamport: { value: number };
  rules: EdgeRules;
  execution: SimExecution;
}

/** The whole machine in one process: the cores of the four services over edges in memory, one scheduler, virtual time. */
export class SimulatedMachine {
  readonly scheduler: Scheduler;
  readonly points: Points;
  readonly lab: Tracer;
  readonly #machine: Machine;
  readonly #options: SimulationOptions;
  readonly #recorder: Recorder;
  readonly #services: Service[] = [];
  readonly #guests: Guest[] = [];
  #hardware: Hardware | null = null;
  #stepping = false;

  constructor(machine: Machine, options: SimulationOptions) {
    this.#machine = machine;
    this.#options = options;
    this.scheduler = new Scheduler(options.seed);
    this.points = new Points(this.scheduler, options.yieldEverywhere);
    this.#recorder = new Recorder(this.scheduler);
    this.lab = this.#recorder.tracer("lab", { value: 0 });
  }

  get history(): readonly TraceEvent[] {
    return this.#recorder.events;
  }

  /** Boots hardware, host, and per VM its VMM and guest. Throws when a part of the machine does not come up. */
  async boot(): Promise<void> {
    const result = await this.scheduler.drive(this.#boot());
    if (!result.ended) throw new Error(`the simulated machine did not come up: ${result.reason} at ${this.scheduler.now()} ns`);
  }

  /** Arms the rules on every edge; each rule counts the messages of its own direction. */
  arm(rules: readonly EdgeRule[]): void {
    for (const service of this.#services) service.rules.arm(rules);
    this.lab.emit("lab.rules-armed", {}, { rules: rules.map(({ id }) => id) });
  }

  /** Runs a workload in guest `vm` until it ends, or until nothing is runnable any more. */
  runWorkload(files: { name: string; bytes: Uint8Array }[], workload: Workload, options: { vm?: number; limitNs?: number } = {}): Promise<DriveResult<WorkloadResult>> {
    return this.scheduler.drive(this.#guests[options.vm ?? 0].runWorkload(files, workload), options.limitNs);
  }

  /** Lets everything that is under way come to rest: work after the workload's end, at most `limitNs` of it. */
  async settle(limitNs: number): Promise<void> {
    await this.scheduler.drive(new Promise<never>(() => {}), limitNs);
  }

  #service(name: string): Service {
    const lamport = { value: 0 };
    const service = {
      name,
      lamport,
      tracer: this.#recorder.tracer(name, lamport),
      execution: new SimExecution(this.scheduler, this.points),
      rules: new EdgeRules((ns, expired) => void this.scheduler.after(ns, expired)),
    };
    this.#services.push(service);
    return service;
  }

  async #boot(): Promise<void> {
    const machine = this.#machine;
    const identity = { digest: createHash("sha256").update(JSON.stringify(machine)).digest("hex"), abi: machine.abi, credits: machine.edgeCredits };
    const memory = heapMemory(machine.dram.base, machine.dram.size);
    const roots = new HeapCpuRootTable();
    const { switches } = this.#options;
    const applyWrite = (address: number, data: Uint8Array) => void memory.write(address, data);
    const onBreak = (reason: string) => this.scheduler.fail(new Error(`an edge in memory broke: ${reason}`));

    const [smmu, host] = [this.#service("smmu"), this.#service("host")];
    let hostCore: Host | null = null;
    const bus = connect(
      this.scheduler,
      smmuEdge,
      identity,
      { ...host, applyWrite, applyOwnWrite: applyWrite, onBreak, deliver: (seq, body) => hostCore?.fromSmmu(seq, body) },
      {
        ...smmu,
        applyWrite,
        applyOwnWrite: applyWrite,
        onBreak,
        deliver: (seq, body) => {
          this.#hardware!.deliver(seq, body);
          this.#kick();
        },
      },
    );
    this.#hardware = new Hardware(machine, {
      memory,
      host: bus.lower,
      tracer: smmu.tracer,
      engine: nodeEngine,
      now: () => this.scheduler.now(),
      held: (id, fields) => this.points.holds(id, fields),
      timer: (ns, expired) =>
        this.scheduler.after(ns, () => {
          expired();
          this.#kick();
        }),
    });
    hostCore = new Host(machine, { memory, smmu: bus.upper, execution: host.execution, tracer: host.tracer, roots, switches });
    came("host", await hostCore.boot());

    for (const vm of machine.vms.keys()) {
      const [vmm, guest] = [this.#service(`vmm${vm}`), this.#service(`guest${vm}`)];
      let vmmCore: Vmm | null = null;
      let attachment: VmmAttachment | null = null;
      const calls = connect(
        this.scheduler,
        vfioEdge,
        identity,
        { ...vmm, onBreak, applyWrite: (address, data) => vmmCore!.applyWrite(address, data), deliver: (seq, body) => vmmCore!.fromHost(seq, body) },
        { ...host, onBreak, applyWrite: (address, data) => attachment!.applyWrite(address, data), deliver: (seq, body) => attachment!.deliver(seq, body) },
      );
      attachment = hostCore.attachVmm(vm, calls.lower);
      vmmCore = new Vmm(machine, vm, { memory: vmmCpuMemory(memory, roots, vm), host: calls.upper, execution: vmm.execution, tracer: vmm.tracer, switches });
      came(vmm.name, await vmmCore.boot());

      let guestCore: Guest | null = null;
      const virtio = connect(
        this.scheduler,
        virtioEdge,
        identity,
        { ...guest, onBreak, applyWrite: () => {}, deliver: (seq, body) => guestCore!.fromVmm(seq, body) },
        { ...vmm, onBreak, applyWrite: () => {}, deliver: (seq, body) => attachedGuest.deliver(seq, body) },
      );
      const attachedGuest = vmmCore.attachGuest(virtio.lower);
      guestCore = new Guest(machine, vm, {
        memory: guestCpuMemory(memory, roots, vm, machine.vms[vm].slots),
        vmm: virtio.upper,
        execution: guest.execution,
        tracer: guest.tracer,
        switches,
      });
      this.#guests.push(guestCore);
      came(guest.name, await guestCore.boot());
    }
  }

  /** The hardware works on as long as it has something to do: one step, then whatever else is due. */
  #kick(): void {
    if (this.#stepping) return;
    this.#stepping = true;
    this.scheduler.after(STEP_NS, () => {
      this.#stepping = false;
      if (this.#hardware!.step()) this.#kick();
    });
  }
}

function came(name: string, ret: number): void {
  if (ret < 0) throw new Error(`${name} did not boot: ${ret}`);
}
