import type { EdgePort, SendResult } from "@faultline/shared/edge/envelope.ts";
import type { HostToSmmu, InterruptSource, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";

const SMMU = 0x0905_0000;
const ECAM = 0x3f00_0000;
const number = (bytes: Uint8Array): number => bytes.reduceRight((value, byte) => value * 256 + byte, 0);
const little = (value: number, size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) % 256);
export const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * The other end of the host's bus for unit tests: registers that acknowledge, a command queue that is consumed when PROD is written, and the
 * configuration space of one accelerator at 00:01.0. It translates nothing.
 */
export class FakeSmmu implements EdgePort<HostToSmmu, SmmuToHost> {
  readonly broken = false;
  /** Writes in order: "CR0=0x8" for known registers. */
  readonly log: string[] = [];
  /** Commands consumed, 16 bytes each in hex. */
  readonly commands: string[] = [];
  readonly config = new Uint8Array(4096);
  readonly barWrites: { address: number; value: Uint8Array }[] = [];
  /** False: a CMD_SYNC never completes. */
  completesSync = true;
  readonly #memory: PhysicalMemory;
  readonly #registers = new Map<number, number>();
  #posted: { address: number; data: Uint8Array }[] = [];
  #flrCount = 0;

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
    // The default machine: S1P S2P TTF=2 COHACC HTTU=2 HYP=0 ATS ASID16 MSI PRI VMID16 CD2L TTENDIAN=2 ST_LEVEL=1; SIDSIZE 16, SSIDSIZE 20, PRIQS 6, EVENTQS 8, CMDQS 8; RIL; OAS 48.
    this.#registers.set(0x000, 0b11 | (2 << 2) | (1 << 4) | (2 << 6) | (1 << 10) | (1 << 12) | (1 << 13) | (1 << 16) | (1 << 18) | (1 << 19) | (2 << 21) | (1 << 27));
    this.#registers.set(0x004, 16 | (20 << 6) | (6 << 11) | (8 << 16) | (8 << 21));
    this.#registers.set(0x00c, 1 << 10);
    this.#registers.set(0x014, 5 | (7 << 4));
    this.#buildFunction();
  }

  get flrCount(): number {
    return this.#flrCount;
  }

  register(offset: number): number {
    return this.#registers.get(offset) ?? 0;
  }

  setRegister(offset: number, value: number): void {
    this.#registers.set(offset, value);
  }

  post(address: number, data: Uint8Array): void {
    this.#posted.push({ address, data: data.slice() });
  }

  send(body: HostToSmmu): SendResult {
    this.#applyPosted();
    if (body.kind === "mmioWrite") this.#write(body.address, body.value);
    return "sent";
  }

  async request(body: HostToSmmu): Promise<SmmuToHost | "broken"> {
    this.#applyPosted();
    if (body.kind === "mmioRead") return { kind: "mmioReadResult", value: this.#read(body.address, body.size) };
    if (body.kind === "configWrite") {
      this.#configWrite(body.address - ECAM - 8 * 4096, body.value);
      return { kind: "configWriteDone" };
    }
    return { kind: "powerDone" };
  }

  reply(): void {
    throw new Error("the host answers nothing on this edge");
  }

  async writable(): Promise<void> {}

  /** Puts a page request into the PRI queue as hardware would, and returns the interrupt that announces it. */
  pageRequest(record: Uint8Array): SmmuToHost {
    const base = this.register(0xc0);
    const prod = this.register(0x100c8);
    this.#memory.write(base + (prod % 64) * 16, record);
    this.#registers.set(0x100c8, (prod + 1) % 128);
    return this.interrupt("MSI", 0x10000, 2);
  }

  /** The same with a record of the event queue. */
  eventRecord(record: Uint8Array): SmmuToHost {
    const base = this.register(0xa0);
    const prod = this.register(0x100a8);
    this.#memory.write(base - (base % 32) + (prod % 64) * 32, record);
    this.#registers.set(0x100a8, prod + 1);
    return this.interrupt("EVENTQ");
  }

  interrupt(source: InterruptSource, deviceId = 0, eventId = 0): SmmuToHost {
    return {
      kind: "interrupt",
      source,
      deviceId,
      eventId,
      eventqProd: this.register(0x100a8),
      priqProd: this.register(0x100c8),
      cmdqCons: this.register(0x9c),
      gerror: this.register(0x60),
    };
  }

  #applyPosted(): void {
    for (const { address, data } of this.#posted) this.#memory.write(address, data);
    this.#posted = [];
  }

  #read(address: number, size: number): Uint8Array {
    if (address >= SMMU && address < SMMU + 0x20000) return little(this.register(address - SMMU), size);
    if (address >= ECAM) {
      const offset = address - ECAM - 8 * 4096;
      return offset >= 0 && offset < 4096 ? this.config.slice(offset, offset + size) : new Uint8Array(size).fill(0xff);
    }
    return new Uint8Array(size);
  }

  #write(address: number, value: Uint8Array): void {
    if (address < SMMU || address >= SMMU + 0x20000) {
      this.barWrites.push({ address, value: value.slice() });
      return;
    }
    const offset = address - SMMU;
    const written = number(value);
    this.log.push(`${names.get(offset) ?? offset.toString(16)}=0x${(value.length === 8 ? BigInt(`0x${hexOf(value.slice().reverse())}`) : written).toString(16)}`);
    const is64BitBase = offset === 0x80 || offset === 0x90 || offset === 0xa0 || offset === 0xc0;
    this.#registers.set(offset, is64BitBase ? (number(value.subarray(0, 7)) % 2 ** 48) - (value[0] % 32) : written);
    if (offset === 0x20) this.#registers.set(0x24, written);
    if (offset === 0x50) this.#registers.set(0x54, written);
    if (offset === 0x44) this.#registers.set(0x44, written % 2 ** 31);
    if (offset === 0x98) this.#consume();
  }

  #consume(): void {
    let cons = this.register(0x9c);
    while (cons !== this.register(0x98)) {
      const slot = this.register(0x90) + (cons % 256) * 16;
      const bytes = this.#memory.read(slot, 16) as Uint8Array;
      if (bytes[0] === 0x46 && !this.completesSync) return;
      this.commands.push(hexOf(bytes));
      if (bytes[0] === 0x46 && ((bytes[1] >>> 4) & 3) === 1) this.#memory.store32(number(bytes.subarray(8, 14)), number(bytes.subarray(4, 8)));
      cons = (cons + 1) % 512;
      this.#registers.set(0x9c, cons);
    }
  }

  #configWrite(offset: number, value: Uint8Array): void {
    if (offset === 0x10 && number(value) === 0xffffffff)
      this.config.set(little(0xffff0004, 4), 0x10); // 64 KiB, 64-bit
    else if (offset === 0x14 || (offset >= 0x18 && offset < 0x28)) this.config.set(offset === 0x14 ? value : [0, 0, 0, 0], offset);
    else if (offset === 0x10) this.config.set(little(number(value) - (number(value) % 16) + 4, 4), offset);
    else if (offset === 0x48 && number(value) & 0x8000) {
      this.#flrCount++;
      this.config.set([0, 0], 0x10e); // ATS off
      this.config.set([0, 0], 0x126); // PASID off
      this.config.set([0, 0], 0x114); // PRI off
      this.config.set(little(0x8100, 2), 0x116);
      this.config.set(little(4, 4), 0x10);
    } else this.config.set(value, offset);
  }

  #buildFunction(): void {
    const put = (offset: number, value: number, size: number): void => this.config.set(little(value, size), offset);
    put(0x00, 0x5a011234, 4);
    put(0x06, 0x10, 2);
    put(0x34, 0x40, 1);
    put(0x40, 0x6010, 2); // PCI Express, next 0x60
    put(0x44, 1 << 28, 4); // FLR capable
    put(0x60, 0x0011, 2); // MSI-X, 9 vectors, table at BAR0 + 0x8000
    put(0x62, 8, 2);
    put(0x64, 0x8000, 4);
    put(0x68, 0xc000, 4);
    put(0x100, 0x1081000a, 4); // a capability that nobody uses, next 0x108
    put(0x108, 0x1101000f, 4); // ATS
    put(0x10c, 0x20, 2);
    put(0x110, 0x12010013, 4); // PRI: PASID required, stopped, capacity 32
    put(0x116, 0x8100, 2);
    put(0x118, 32, 4);
    put(0x120, 0x0001001b, 4); // PASID: 20 bits
    put(0x124, 0x1406, 2);
  }
}

const names = new Map<number, string>([
  [0x20, "CR0"],
  [0x28, "CR1"],
  [0x2c, "CR2"],
  [0x44, "GBPA"],
  [0x50, "IRQ_CTRL"],
  [0x64, "GERRORN"],
  [0x68, "GERROR_IRQ_CFG0"],
  [0x70, "GERROR_IRQ_CFG1"],
  [0x74, "GERROR_IRQ_CFG2"],
  [0x80, "STRTAB_BASE"],
  [0x88, "STRTAB_BASE_CFG"],
  [0x90, "CMDQ_BASE"],
  [0x98, "CMDQ_PROD"],
  [0x9c, "CMDQ_CONS"],
  [0xa0, "EVENTQ_BASE"],
  [0xb0, "EVENTQ_IRQ_CFG0"],
  [0xb8, "EVENTQ_IRQ_CFG1"],
  [0xbc, "EVENTQ_IRQ_CFG2"],
  [0xc0, "PRIQ_BASE"],
  [0xd0, "PRIQ_IRQ_CFG0"],
  [0xd8, "PRIQ_IRQ_CFG1"],
  [0xdc, "PRIQ_IRQ_CFG2"],
  [0x100a8, "EVENTQ_PROD"],
  [0x100ac, "EVENTQ_CONS"],
  [0x100c8, "PRIQ_PROD"],
  [0x100cc, "PRIQ_CONS"],
]);
