import { EVENT } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { PRIQ_ENTRY } from "@faultline/shared/arm-smmu-v3/page-request.ts";
import { SMMU_DEVICE_ID, type SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { RateLimit } from "@faultline/shared/linux/ratelimit.ts";
import { EINVAL, ENODEV, ENOMEM, ENOSPC } from "@faultline/shared/linux-uapi/errno.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Bus } from "../bus.ts";
import type { Frames } from "../mm/frames.ts";
import { CommandQueue } from "./command-queue.ts";
import { eventQueueThread } from "./event-queue-thread.ts";
import { gerrorHandler } from "./gerror.ts";
import { IrqThread } from "./irq-thread.ts";
import type { Master } from "./master.ts";
import { OutputQueue } from "./output-queue.ts";
import { PartialGroups } from "./partial-groups.ts";
import { priQueueThread } from "./pri-queue-thread.ts";
import { probe } from "./probe.ts";
import { MSI_EVENT, REG, type SmmuFeatures } from "./registers.ts";
import { reset } from "./reset.ts";
import { StreamTable } from "./stream-table.ts";

export interface ArmSmmuPorts {
  memory: PhysicalMemory;
  bus: Bus;
  execution: Execution;
  tracer: Tracer;
  frames: Frames;
  switches: ReadonlySet<string>;
}

/** struct arm_smmu_device: the driver's state of the one SMMU. */
export class ArmSmmu {
  readonly features: SmmuFeatures;
  readonly commandQueue: CommandQueue;
  readonly streamTable: StreamTable;
  readonly #ports: ArmSmmuPorts;
  readonly #eventQueue: OutputQueue;
  readonly #priQueue: OutputQueue | null;
  readonly #eventThread: IrqThread;
  readonly #priThread: IrqThread;
  /** Groups that the PRI queue thread has not seen the last request of. */
  readonly partialGroups: PartialGroups;
  readonly #gerrorThread: IrqThread;
  readonly #masters = new Map<number, Master>();
  readonly #vmids = new Set<number>();

  private constructor(ports: ArmSmmuPorts, features: SmmuFeatures, streamTable: StreamTable, bases: { cmdq: number; eventq: number; priq: number | null }) {
    const { memory, bus, execution, tracer, switches } = ports;
    this.#ports = ports;
    this.features = features;
    this.streamTable = streamTable;
    this.partialGroups = new PartialGroups(switches.has("S33"));
    this.commandQueue = new CommandQueue({
      base: bases.cmdq,
      log2Size: features.cmdqLog2,
      bus,
      memory,
      execution,
      tracer,
      msiPoll: features.msiPoll,
      waits: !switches.has("M-wait-for-sync"),
      sharesSync: switches.has("S05"),
    });
    const eventQueue = new OutputQueue({
      base: bases.eventq,
      log2Size: features.eventqLog2,
      entryBytes: EVENT.sizeBytes,
      memory,
      bus,
      prodRegister: REG.EVENTQ_PROD,
      consRegister: REG.EVENTQ_CONS,
    });
    const priQueue =
      bases.priq === null
        ? null
        : new OutputQueue({
            base: bases.priq,
            log2Size: features.priqLog2,
            entryBytes: PRIQ_ENTRY.sizeBytes,
            memory,
            bus,
            prodRegister: REG.PRIQ_PROD,
            consRegister: REG.PRIQ_CONS,
          });
    this.#eventQueue = eventQueue;
    this.#priQueue = priQueue;
    const master = (sid: number) => this.master(sid);
    const { commandQueue } = this;
    const dumps = switches.has("S54") ? { allows: () => true } : new RateLimit(() => execution.now());
    this.#eventThread = new IrqThread("arm-smmu-v3-evtq", execution, () =>
      eventQueueThread({ queue: eventQueue, commandQueue, execution, tracer, switches, dumps, master }),
    );
    this.#priThread = new IrqThread("arm-smmu-v3-priq", execution, async () => {
      if (priQueue) await priQueueThread({ queue: priQueue, commandQueue, execution, tracer, switches, master, partial: this.partialGroups });
    });
    this.#gerrorThread = new IrqThread("arm-smmu-v3-gerror", execution, () => gerrorHandler(bus, commandQueue, tracer, switches));
  }

  /** Probe, queues, stream table, reset. -ENODEV: the hardware is refused; -ENOMEM; -ETIMEDOUT. */
  static async create(ports: ArmSmmuPorts): Promise<ArmSmmu | number> {
    const features = await probe(ports.bus);
    if (typeof features === "string") return -ENODEV;
    const queue = (log2Size: number, entryBytes: number) => ports.frames.allocContiguous(2 ** log2Size * entryBytes, Math.max(4096, 2 ** log2Size * entryBytes));
    const cmdq = queue(features.cmdqLog2, 16);
    const eventq = queue(features.eventqLog2, EVENT.sizeBytes);
    const priq = features.pri ? queue(features.priqLog2, PRIQ_ENTRY.sizeBytes) : null;
    const streamTable = StreamTable.create({ ...ports, twoLevel: features.twoLevelStreamTable, sidBits: features.sidBits });
    if (cmdq === null || eventq === null || (features.pri && priq === null) || !streamTable) return -ENOMEM;
    const smmu = new ArmSmmu(ports, features, streamTable, { cmdq, eventq, priq });
    const cr0 = await reset({
      bus: ports.bus,
      execution: ports.execution,
      features,
      commandQueue: smmu.commandQueue,
      streamTable,
      eventQueue: smmu.#eventQueue,
      priQueue: smmu.#priQueue,
    });
    if (cr0 < 0) return cr0;
    ports.tracer.emit("host.smmu-reset", {}, { cr0 });
    return smmu;
  }

  /** 0, -ERANGE or -ENOMEM for the stream's STE. */
  addMaster(master: Master): number {
    const ret = this.streamTable.init(master.sid);
    if (ret === 0) this.#masters.set(master.sid, master);
    return ret;
  }

  master(sid: number): Master | null {
    return this.#masters.get(sid) ?? null;
  }

  /** VMIDs 1 .. 2^bits - 1; -ENOSPC. */
  allocVmid(): number {
    for (let vmid = 1; vmid < 2 ** this.features.vmidBits; vmid++) {
      if (this.#vmids.has(vmid)) continue;
      this.#vmids.add(vmid);
      return vmid;
    }
    return -ENOSPC;
  }

  /** Only after TLBI by VMID and SYNC. */
  freeVmid(vmid: number): void {
    this.#vmids.delete(vmid);
  }

  get vmids(): number {
    return this.#vmids.size;
  }

  /** An interrupt of the SMMU's own, wired or MSI; -EINVAL: not one of them. */
  interrupt(message: Extract<SmmuToHost, { kind: "interrupt" }>): number {
    this.commandQueue.observeCons(message.cmdqCons);
    const msi = message.source === "MSI" && message.deviceId === SMMU_DEVICE_ID ? message.eventId : -1;
    if (message.source === "EVENTQ" || msi === MSI_EVENT.EVENTQ) {
      this.#eventQueue.observeProd(message.eventqProd);
      this.#eventThread.wake();
    } else if (message.source === "PRIQ" || msi === MSI_EVENT.PRIQ) {
      this.#priQueue?.observeProd(message.priqProd);
      this.#priThread.wake();
    } else if (message.source === "GERROR" || msi === MSI_EVENT.GERROR) {
      this.#gerrorThread.wake();
    } else if (message.source !== "MEMORY" && message.source !== "CMD_SYNC") {
      return -EINVAL; // MEMORY is CMD_SYNC's own write: the poller sees it
    }
    return 0;
  }

  /** Everything the PRI queue held when this is called has been handled (IC-1017). */
  async flushPriQueue(): Promise<void> {
    await this.#priThread.flush();
  }

  get ports(): ArmSmmuPorts {
    return this.#ports;
  }
}
