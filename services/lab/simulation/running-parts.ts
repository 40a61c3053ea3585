import { createHash } from "node:crypto";
import { Guest } from "@faultline/guest/core/guest.ts";
import { Host, type VmmAttachment } from "@faultline/host/core/host.ts";
import { smmuEdge, vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { formatSize } from "@faultline/shared/machine/units.ts";
import { HeapCpuRootTable } from "@faultline/shared/physical-memory/cpu-roots.ts";
import { giveBackHeapMemory, heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import type { Ram } from "@faultline/shared/physical-memory/ram.ts";
import { guestCpuMemory, vmmCpuMemory } from "@faultline/shared/physical-memory/translated.ts";
import { EdgeSlot } from "@faultline/shared/shell/edge-slot.ts";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import { Hardware, type HardwarePorts } from "@faultline/smmu/core/hardware.ts";
import { hardwareHandles } from "@faultline/smmu/core/lab-handles.ts";
import { Vmm } from "@faultline/vmm/core/vmm.ts";
import type { Part } from "../supervisor/parts.ts";
import { connect } from "./connect.ts";
import { nodeEngine } from "./engine.ts";
import type { Link } from "./link.ts";
import type { SimPart } from "./part.ts";
import type { Points } from "./points.ts";
import type { Scheduler } from "./scheduler.ts";

/** Virtual time of one step of the hardware: a command, a TLP. */
const STEP_NS = 50;
/** How long a part that starts waits for the one below to have cleaned up after its predecessor. */
const CLEANUP_NS = 30e9;

interface Running<Core> {
  part: SimPart;
  core: Core;
}
/** `boot`: 0, or -errno. */
interface Starting {
  part: SimPart;
  boot: Promise<number>;
}

export interface PartPorts {
  scheduler: Scheduler;
  points: Points;
  switches: ReadonlySet<string>;
  /** Messages pass through the codec of their edge. */
  encode: boolean;
  /** A part as it is before it runs. */
  part(name: string): SimPart;
  /** A part lost its edge below: it ends as its process would. */
  exit(part: SimPart, reason: string): void;
}

/** The cores of a machine that run, joined by links; each starts as its process does (services/x/shell/main.ts), and can start again. */
export class RunningParts {
  readonly machine: Machine;
  readonly links: Link[] = [];
  /** `due`: it steps, as soon as it has power. */
  hardware: (Running<Hardware> & { host: EdgeSlot<SmmuToHost, HostToSmmu>; due: () => void }) | null = null;
  host: Running<Host> | null = null;
  readonly vmms = new Map<number, Running<Vmm>>();
  readonly guests = new Map<number, Running<Guest>>();
  readonly #ports: PartPorts;
  readonly #edges: { digest: string; abi: string; credits: number; encode: boolean };
  /** Upper parts that a lower one has, or cleans up after. */
  readonly #attached = new Map<string, SimPart>();
  #memory: Ram | null = null;
  #roots = new HeapCpuRootTable();
  #stepping = false;

  constructor(machine: Machine, ports: PartPorts) {
    this.machine = machine;
    this.#ports = ports;
    const digest = createHash("sha256").update(JSON.stringify(machine)).digest("hex");
    this.#edges = { digest, abi: machine.abi, credits: machine.edgeCredits, encode: ports.encode };
  }

  /** The part of that name that runs or is paused; null: it is off. */
  find(name: string): SimPart | null {
    const all = [this.hardware, this.host, ...this.vmms.values(), ...this.guests.values()];
    return all.find((running) => running?.part.name === name && running.part.power.on)?.part ?? null;
  }

  /**
   * Starts a part that is off, unless the part below it is off too. `starts` is called when it does. 0, also for a part that is lost while it boots; else the -errno of its boot.
   */
  async start({ name, kind, vm }: Part, starts: () => void): Promise<number> {
    const lower = { smmu: null, host: "smmu", vmm: "host", guest: `vmm${vm}` }[kind];
    if (lower && !this.find(lower)) return 0;
    // A lower part refuses an upper one while it cleans up after its predecessor (services/host and services/vmm, shell/main.ts).
    await this.#ports.scheduler.poll(() => !this.#attached.get(name)?.power.on, CLEANUP_NS);
    if (lower && !this.find(lower)) return 0;
    starts();
    if (kind === "smmu") {
      this.#startSmmu();
      return 0;
    }
    const { part, boot } = kind === "host" ? this.#startHost() : kind === "vmm" ? this.#startVmm(vm) : this.#startGuest(vm);
    return Promise.race([boot, part.power.gone.then(() => 0)]);
  }

  /** Powers the hardware on; RAM is lost unless the machine file keeps it. */
  #startSmmu(): void {
    const { machine } = this;
    const { scheduler, points, switches } = this.#ports;
    const part = this.#ports.part("smmu");
    if (!this.#memory || !machine.dram.kept) {
      this.#memory = memoryOf(machine);
      this.#roots = new HeapCpuRootTable();
    }
    const memory = this.#memory;
    const host = new EdgeSlot<SmmuToHost, HostToSmmu>((address, data) => void memory.write(address, data));
    const ports: HardwarePorts = {
      memory,
      host,
      tracer: part.tracer,
      engine: nodeEngine,
      now: () => scheduler.now(),
      held: (id, fields) => points.holds(id, fields) || (part.faults.points.armed && part.faults.points.holds(id, fields)),
      faults: part.faults.hardware,
      timer: (ns, expired) =>
        part.execution.timer(ns, () => {
          expired();
          this.kick();
        }),
    };
    const core = new Hardware(machine, ports, { switches });
    part.faults.hardware.handles = hardwareHandles(core, memory);
    const step = () => this.#step(core);
    this.hardware = { part, core, host, due: () => part.power.run(step) };
    this.#stepping = false;
  }

  #startHost(): Starting {
    const hardware = this.hardware!;
    const memory = this.#memory!;
    const part = this.#ports.part("host");
    const applyWrite = (address: number, data: Uint8Array) => void memory.write(address, data);
    let core: Host | null = null;
    const bus = connect(
      this.#ports.scheduler,
      smmuEdge,
      this.#edges,
      part,
      { applyWrite, applyOwnWrite: applyWrite, onBreak: (reason) => this.#ports.exit(part, reason), deliver: (seq, body) => core?.fromSmmu(seq, body) },
      hardware.part,
      {
        applyWrite,
        applyOwnWrite: applyWrite,
        onBreak: () => {}, // the hardware goes on with the tables it has
        deliver: (seq, body) => {
          hardware.core.deliver(seq, body);
          this.kick();
        },
      },
    );
    this.links.push(bus.link);
    hardware.host.join(bus.lower);
    core = new Host(this.machine, { memory, smmu: bus.upper, execution: part.execution, tracer: part.tracer, roots: this.#roots, switches: this.#ports.switches });
    this.host = { part, core };
    return { part, boot: core.boot() };
  }

  #startVmm(vm: number): Starting {
    const host = this.host!;
    const part = this.#ports.part(`vmm${vm}`);
    let core: Vmm | null = null;
    let attachment: VmmAttachment | null = null;
    const calls = connect(
      this.#ports.scheduler,
      vfioEdge,
      this.#edges,
      part,
      {
        onBreak: (reason) => this.#ports.exit(part, reason),
        applyWrite: (address, data) => core!.applyWrite(address, data),
        deliver: (seq, body) => core!.fromHost(seq, body),
      },
      host.part,
      {
        onBreak: () => host.part.execution.spawn(`release ${part.name}`, () => this.#closed(part, attachment)),
        applyWrite: (address, data) => attachment!.applyWrite(address, data),
        deliver: (seq, body) => attachment!.deliver(seq, body),
      },
    );
    this.links.push(calls.link);
    attachment = host.core.attachVmm(vm, calls.lower);
    this.#attached.set(part.name, host.part);
    core = new Vmm(this.machine, vm, {
      memory: vmmCpuMemory(this.#memory!, this.#roots, vm),
      host: calls.upper,
      execution: part.execution,
      tracer: part.tracer,
      switches: this.#ports.switches,
    });
    this.vmms.set(vm, { part, core });
    return { part, boot: core.boot() };
  }

  #startGuest(vm: number): Starting {
    const vmm = this.vmms.get(vm)!;
    const part = this.#ports.part(`guest${vm}`);
    let core: Guest | null = null;
    let attached: ReturnType<Vmm["attachGuest"]> | null = null;
    const virtio = connect(
      this.#ports.scheduler,
      virtioEdge,
      this.#edges,
      part,
      { onBreak: (reason) => this.#ports.exit(part, reason), applyWrite: () => {}, deliver: (seq, body) => core!.fromVmm(seq, body) },
      vmm.part,
      {
        onBreak: () => vmm.part.execution.spawn("guest died", () => this.#closed(part, attached)),
        applyWrite: () => {},
        deliver: (seq, body) => attached!.deliver(seq, body),
      },
    );
    this.links.push(virtio.link);
    attached = vmm.core.attachGuest(virtio.lower);
    this.#attached.set(part.name, vmm.part);
    core = new Guest(this.machine, vm, {
      memory: guestCpuMemory(this.#memory!, this.#roots, vm, this.machine.vms[vm].slots),
      vmm: virtio.upper,
      execution: part.execution,
      tracer: part.tracer,
      switches: this.#ports.switches,
    });
    this.guests.set(vm, { part, core });
    return { part, boot: core.boot() };
  }

  /** Nothing of the machine runs any more: its RAM is another's. */
  close(): void {
    if (this.#memory) giveBackHeapMemory(this.#memory);
    this.#memory = null;
  }

  async #closed(part: SimPart, attached: { closed(): Promise<void> } | null): Promise<void> {
    await attached?.closed();
    this.#attached.delete(part.name);
  }

  /** The hardware works on as long as it has something to do: one step, then whatever else is due. */
  kick(): void {
    const { hardware } = this;
    if (this.#stepping || !hardware) return;
    this.#stepping = true;
    this.#ports.scheduler.after(STEP_NS, hardware.due);
  }

  /** One step of the hardware. */
  #step(core: Hardware): void {
    this.#stepping = false;
    if (core.step()) this.kick();
    const { exhausted } = core;
    if (exhausted)
      this.#ports.scheduler.fail(new InfrastructureError(`the ${exhausted.cache} cache is full at ${exhausted.capacity} entries and never evicts (M-never-evict)`));
  }
}

/** An infrastructure error names the field that asks for more than there is. */
function memoryOf({ dram }: Machine): Ram {
  try {
    return heapMemory(dram.base, dram.size);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InfrastructureError(`no memory for dram.size ${formatSize(dram.size)}: ${error.message}`);
  }
}
