import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { STE } from "@faultline/shared/arm-smmu-v3/stream-table-entry.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { HardwareFaults } from "@faultline/shared/lab/armed-hardware.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { defaultMachine, type SmmuOptions } from "@faultline/shared/machine/machine.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import type { Ram } from "@faultline/shared/physical-memory/ram.ts";
import { TranslatedMemory } from "@faultline/shared/physical-memory/translated.ts";
import type { TraceEvent, Tracer } from "@faultline/shared/trace/tracer.ts";
import { type IdRegisters, idRegisters } from "@faultline/smmu/core/identity.ts";
import type { PciFunction } from "@faultline/smmu/core/link.ts";
import type { HardwarePorts } from "@faultline/smmu/core/ports.ts";
import { Smmu } from "@faultline/smmu/core/smmu.ts";

export const RAM = 0x4000_0000;
/** Where the test's tables and queues lie. */
export const at = { streamTable: RAM, cmdq: RAM + 0x2000, eventq: RAM + 0x4000, priq: RAM + 0x6000, frames: RAM + 0x1_0000, guest: RAM + 0x40_0000 } as const;
/** Guest RAM as the guest sees it: 1 MiB; the frames behind it lie in reverse order. */
export const GPA = 0x8000_0000;
export const GUEST_PAGES = 256;
export const SID = 8;

/** Collects what an SMMU tells its host; posted bytes reach memory at once. */
export class HostEnd implements EdgePort<SmmuToHost, HostToSmmu> {
  readonly broken = false;
  readonly sent: SmmuToHost[] = [];
  readonly replies: { seq: number; body: SmmuToHost }[] = [];
  readonly posted: { address: number; data: Uint8Array }[] = [];
  readonly #memory: Ram;

  constructor(memory: Ram) {
    this.#memory = memory;
  }
  send(body: SmmuToHost): "sent" {
    this.sent.push(body);
    return "sent";
  }
  async request(): Promise<"broken"> {
    return "broken";
  }
  reply(seq: number, body: SmmuToHost): void {
    this.replies.push({ seq, body });
  }
  post(address: number, data: Uint8Array): void {
    this.posted.push({ address, data });
    this.#memory.write(address, data);
  }
  async writable(): Promise<void> {}

  interrupts(): string[] {
    return this.sent.map((body) => (body.kind === "interrupt" ? body.source : body.kind));
  }
}

/** Keeps all events. */
export class TraceLog implements Tracer {
  readonly events: Pick<TraceEvent, "kind" | "ids" | "fields">[] = [];
  wants(): boolean {
    return true;
  }
  emit(kind: string, ids: TraceEvent["ids"], fields: TraceEvent["fields"] = {}): number {
    this.events.push({ kind, ids, fields });
    return this.events.length;
  }
  of(kind: string): Pick<TraceEvent, "kind" | "ids" | "fields">[] {
    return this.events.filter((event) => event.kind === kind);
  }
}

/** Timers that a test fires by hand. */
export class Timers {
  readonly pending: { ns: number; expired: () => void }[] = [];
  start(ns: number, expired: () => void): { cancel(): void } {
    const timer = { ns, expired };
    this.pending.push(timer);
    return { cancel: () => void this.pending.splice(this.pending.indexOf(timer) >>> 0, 1) };
  }
  /** Fires the functions' own waits, all shorter than a second, and leaves time-outs alone. How many there were. */
  expireWaits(): number {
    const waits = this.pending.filter(({ ns }) => ns < 1e9);
    for (const timer of waits) {
      this.pending.splice(this.pending.indexOf(timer), 1);
      timer.expired();
    }
    return waits.length;
  }
}

/** A function that only records what the root complex sends it. */
export class RecordingFunction implements PciFunction {
  readonly sid: number;
  readonly responses: { pasid: number | null; prgi: number; code: number }[] = [];
  readonly invalidations: { pasid: number | null; global: boolean; address: bigint; sizeBytes: bigint; itag: number }[] = [];
  atsEnabled = true;

  constructor(sid: number) {
    this.sid = sid;
  }
  configRead(): number {
    return 0;
  }
  configWrite(): void {}
  bars(): readonly { bar: number; base: number; size: number }[] {
    return [];
  }
  memoryRequestRefused(): boolean {
    return false;
  }
  barRead(): Uint8Array {
    return new Uint8Array(4);
  }
  barWrite(): void {}
  invalidateRequest(tlp: { pasid: number | null; global: boolean; address: bigint; sizeBytes: bigint; itag: number }): "accepted" | "UR" {
    this.invalidations.push(tlp);
    return this.atsEnabled ? "accepted" : "UR";
  }
  prgResponse(tlp: { pasid: number | null; prgi: number; code: number }): void {
    this.responses.push(tlp);
  }
  step(): boolean {
    return false;
  }
  reset(): void {}
}

/** An SMMU with queues set up, one stream and one recording function; `start` enables everything. */
export class SmmuRig {
  readonly memory = heapMemory(RAM, 8 * 2 ** 20);
  readonly host = new HostEnd(this.memory);
  readonly trace = new TraceLog();
  readonly timers = new Timers();
  readonly endpoint = new RecordingFunction(SID);
  readonly smmu: Smmu;
  readonly #freeFrames: number[] = [];
  #commands = 0;

  constructor(options: Partial<SmmuOptions> = {}, id: Partial<IdRegisters> = {}, faults?: HardwareFaults) {
    for (let frame = at.guest - 4096; frame >= at.frames; frame -= 4096) this.#freeFrames.push(frame);
    const ports: HardwarePorts = {
      memory: this.memory,
      host: this.host,
      tracer: this.trace,
      timer: (ns, expired) => this.timers.start(ns, expired),
      now: () => 0,
      held: () => false,
      faults,
      engine: {
        sha256: () => {
          throw new Error("no engine");
        },
        gzip: () => {
          throw new Error("no engine");
        },
      },
    };
    const machine = { ...defaultMachine.smmu, ...options };
    this.smmu = new Smmu({ ...idRegisters(machine), ...id }, machine.caches, ports, (sid) => (sid === SID ? this.endpoint : undefined), {
      traceWalks: machine.traceWalks,
    });
  }

  write(name: RegisterName, value: number | bigint): void {
    const { offset, sizeBytes } = registers[name];
    this.smmu.regs.write(offset, sizeBytes, Number(BigInt(value) & 0xffffffffn), Number(BigInt(value) >> 32n));
  }
  read(name: RegisterName): number {
    return this.smmu.regs.read(registers[name].offset, 4)[0];
  }

  /** Queues of 2^log2 entries, a linear stream table of 64 entries, everything enabled. `cr0` defaults to SMMUEN, PRIQEN, EVENTQEN, CMDQEN, ATSCHK. */
  start({ priqLog2 = 3, eventqLog2 = 3, cr0 = 0x1f, cr2 = 0xa }: { priqLog2?: number; eventqLog2?: number; cr0?: number; cr2?: number } = {}): this {
    this.write("CR2", cr2);
    this.write("STRTAB_BASE", at.streamTable);
    this.write("STRTAB_BASE_CFG", 6);
    this.write("CMDQ_BASE", at.cmdq + 6);
    this.write("EVENTQ_BASE", at.eventq + eventqLog2);
    this.write("PRIQ_BASE", at.priq + priqLog2);
    this.write("IRQ_CTRL", 7);
    this.write("CR0", cr0);
    return this;
  }

  allocFrame(): number | null {
    return this.#freeFrames.pop() ?? null;
  }

  ste(fields: Parameters<typeof STE.encode>[0], sid = SID): void {
    this.memory.write(at.streamTable + sid * 64, STE.encode({ V: 1, ...fields }));
  }

  /** Puts a command into the queue, moves PROD and lets the SMMU work until it is idle. */
  command(...commands: Uint8Array[]): void {
    for (const command of commands) {
      this.memory.write(at.cmdq + (this.#commands % 64) * 16, command);
      this.#commands = (this.#commands + 1) % 128;
    }
    this.write("CMDQ_PROD", this.#commands);
    this.settle();
  }
  settle(): void {
    while (this.smmu.step());
  }

  /** Records of the event queue, as bytes; CONS is moved past them. */
  events(): Uint8Array[] {
    const log2 = this.read("EVENTQ_BASE") & 0x1f;
    const records: Uint8Array[] = [];
    let cons = this.read("EVENTQ_CONS") & 0x7fffffff;
    for (const prod = this.read("EVENTQ_PROD") & 0x7fffffff; cons !== prod; cons = (cons + 1) % 2 ** (log2 + 1)) {
      records.push(this.memory.read(at.eventq + (cons % 2 ** log2) * 32, 32) as Uint8Array);
    }
    this.write("EVENTQ_CONS", cons);
    return records;
  }
}

/** PA behind a GPA: frames in reverse order, so that nothing is contiguous. */
export const guestFrame = (gpa: number): number => at.guest + (GUEST_PAGES - 1 - Math.floor((gpa - GPA) / 4096)) * 4096 + (gpa % 4096);

/** A nested stream as the stack builds it: stage 2 of guest RAM, a CD table and stage-1 tables in guest RAM. PASID 5 has an address space. */
export class NestedRig extends SmmuRig {
  readonly stage2: IoPgtable;
  readonly guest = new TranslatedMemory(this.memory, (gpa) => (gpa >= GPA && gpa < GPA + GUEST_PAGES * 4096 ? guestFrame(gpa) : null), GPA, GUEST_PAGES * 4096);
  readonly stage1: IoPgtable;
  readonly cdTable = GPA;
  readonly ssid = 5;
  #nextGuestPage = 1;

  constructor(options: Partial<SmmuOptions> = {}, faults?: HardwareFaults) {
    super(options, {}, faults);
    this.stage2 = new IoPgtable({ memory: this.memory, allocFrame: () => this.allocFrame(), freeFrame: () => {}, format: "stage2", inputBits: 48, outputBits: 48 });
    for (let page = 0; page < GUEST_PAGES; page++) this.stage2.map(GPA + page * 4096, guestFrame(GPA + page * 4096), 4096, { read: true, write: true });
    this.stage1 = new IoPgtable({ memory: this.guest, allocFrame: () => this.guestPage(), freeFrame: () => {}, format: "stage1", inputBits: 48, outputBits: 48 });
    this.nested();
    this.cd(this.ssid, { TTB0: this.stage1.root / 16 });
  }

  guestPage(): number {
    return GPA + this.#nextGuestPage++ * 4096;
  }
  nested(fields: Parameters<typeof STE.encode>[0] = {}): void {
    this.ste({
      Config: 7,
      S1ContextPtr: this.cdTable / 64,
      S1CDMax: 6,
      S1DSS: 2,
      EATS: 1,
      S2VMID: 3,
      S2T0SZ: 16,
      S2SL0: 2,
      S2PS: 5,
      S2AA64: 1,
      S2R: 1,
      S2PTW: 1,
      S2TTB: this.stage2.root / 16,
      ...fields,
    });
  }
  cd(ssid: number, fields: Parameters<typeof CD.encode>[0]): void {
    this.guest.write(this.cdTable + ssid * 64, CD.encode({ V: 1, T0SZ: 16, EPD1: 1, IPS: 5, AA64: 1, R: 1, A: 1, ASID: 7, ...fields }));
  }
  /** Maps a fresh guest page at `va` for the process of PASID 5; returns its GPA. */
  map(va: number, write = true): number {
    const gpa = this.guestPage();
    this.stage1.map(va, gpa, 4096, { read: true, write, user: true });
    return gpa;
  }
}
