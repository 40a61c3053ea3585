import { addressMap } from "@faultline/shared/machine/address-map.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { Hardware } from "@faultline/smmu/core/hardware.ts";
import type { IdValues, WalkedAccess } from "./machine.ts";

/** Sparse memory for the core: listed doublewords, null ones abort. What nobody listed answers with a value made from its address, and is remembered as stray. */
export class SparseMemory implements PhysicalMemory {
  readonly base = 0;
  readonly size = 2 ** 53;
  readonly words = new Map<number, bigint | null>();
  readonly strays = new Set<number>();
  /** Addresses of all doublewords that were loaded one by one: the descriptors. */
  readonly loads: number[] = [];
  readonly #absent: (address: number) => boolean;

  /** `absent`: where no memory answers. */
  constructor(absent: (address: number) => boolean = () => false) {
    this.#absent = absent;
  }

  #word(address: number): bigint | null {
    if (this.#absent(address)) return null;
    const word = this.words.get(address);
    if (word !== undefined) return word;
    this.strays.add(address);
    return (BigInt(address) * 0x9e37_79b9_7f4a_7c15n) % 2n ** 64n;
  }
  contains(address: number, length: number): boolean {
    for (let at = address; at < address + length; at += 8) if (this.words.get(at) === null || this.#absent(at)) return false;
    return true;
  }
  load64(address: number, out: Uint32Array): boolean {
    this.loads.push(address);
    const word = this.#word(address);
    if (word === null) return false;
    out[0] = Number(word & 0xffff_ffffn);
    out[1] = Number(word >> 32n);
    return true;
  }
  store64(address: number, low: number, high: number): boolean {
    if (this.words.get(address) === null) return false;
    this.words.set(address, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
    return true;
  }
  compareExchange64(address: number, expectedLow: number, expectedHigh: number, low: number, high: number): boolean | null {
    const word = this.#word(address);
    if (word === null) return null;
    if (word !== ((BigInt(expectedHigh >>> 0) << 32n) | BigInt(expectedLow >>> 0))) return false;
    return this.store64(address, low, high);
  }
  load32(address: number): number | null {
    const word = this.#word(address - (address % 8));
    return word === null ? null : Number((word >> BigInt((address % 8) * 8)) & 0xffff_ffffn);
  }
  store32(address: number, value: number): boolean {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    return this.write(address, bytes);
  }
  read(address: number, length: number): Uint8Array<ArrayBuffer> | null {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const word = this.#word(address + i - ((address + i) % 8));
      if (word === null) return null;
      bytes[i] = Number((word >> BigInt(((address + i) % 8) * 8)) & 0xffn);
    }
    return bytes;
  }
  write(address: number, bytes: Uint8Array): boolean {
    if (!this.contains(address - (address % 8), bytes.length)) return false;
    for (let i = 0; i < bytes.length; i++) {
      const at = address + i - ((address + i) % 8);
      const shift = BigInt(((address + i) % 8) * 8);
      this.words.set(at, ((this.words.get(at) ?? 0n) & ~(0xffn << shift)) | (BigInt(bytes[i]) << shift));
    }
    return true;
  }
  owner(): { host: number; guest: number } {
    return { host: 0, guest: 0 };
  }
  setOwner(): void {}
}

const OFFSET = { CR0: 0x20, CR2: 0x2c, STRTAB_BASE: 0x80, STRTAB_BASE_CFG: 0x88, EVENTQ_BASE: 0xa0, EVENTQ_PROD: 0x100a8 };
const EVENTQ_LOG2 = 5;

export type CoreOutcome = { pa: bigint } | { end: "abort" | "raz-wi" | "stall" };

/** The core behind its registers, with SMMUEN = 1 and an event queue. */
export class CoreUnderTest {
  readonly memory = new SparseMemory();
  readonly #hardware: Hardware;
  readonly #eventq: number;
  #seq = 0;
  #taken = 0;
  #read = 0n;

  constructor(
    idr: IdValues,
    regs: { cr0: number; cr2: number; STRTAB_BASE: bigint; STRTAB_BASE_CFG: bigint },
    caches: { tlb: number; config: number; walk: number },
    eventq: bigint,
  ) {
    this.#eventq = Number(eventq);
    const unused = () => {
      throw new Error("no engine");
    };
    this.#hardware = new Hardware(
      { ...defaultMachine, endpoints: [], smmu: { ...defaultMachine.smmu, caches } },
      {
        memory: this.memory,
        host: {
          broken: false,
          send: () => "sent" as const,
          request: async () => "broken" as const,
          reply: (_seq, body) => {
            if (body.kind === "mmioReadResult") this.#read = body.value.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
          },
          post: (address, data) => void this.memory.write(address, data),
          writable: async () => {},
        },
        tracer: silentTracer,
        timer: () => ({ cancel() {} }),
        held: () => false,
        now: () => 0,
        engine: { sha256: unused, gzip: unused },
      },
      { idr },
    );
    this.write(OFFSET.CR2, 4, BigInt(regs.cr2));
    this.write(OFFSET.STRTAB_BASE, 8, regs.STRTAB_BASE);
    this.write(OFFSET.STRTAB_BASE_CFG, 4, regs.STRTAB_BASE_CFG);
    this.write(OFFSET.EVENTQ_BASE, 8, eventq + BigInt(EVENTQ_LOG2));
    this.write(OFFSET.CR0, 4, BigInt(regs.cr0));
  }

  write(offset: number, size: 4 | 8, value: bigint): void {
    const bytes = Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
    this.#hardware.deliver(++this.#seq, { kind: "mmioWrite", address: addressMap.smmuRegisters.base + offset, value: bytes });
    while (this.#hardware.step());
  }
  read(offset: number, size: 4 | 8): bigint {
    this.#hardware.deliver(++this.#seq, { kind: "mmioRead", address: addressMap.smmuRegisters.base + offset, size });
    return this.#read;
  }

  access(access: WalkedAccess): CoreOutcome {
    const result: unknown = this.#hardware.smmu.transact(access);
    if (result === "abort" || result === "raz-wi") return { end: result };
    if (typeof result === "object" && result !== null && "pa" in result) return { pa: BigInt(result.pa as number) };
    if (result === "stalled") return { end: "stall" };
    throw new Error(`the core answered ${JSON.stringify(result)}`);
  }

  /** The records that came since the last call, as 256-bit numbers. */
  events(): bigint[] {
    const prod = Number(this.read(OFFSET.EVENTQ_PROD, 4)) & (2 ** (EVENTQ_LOG2 + 1) - 1);
    const records: bigint[] = [];
    for (; this.#taken !== prod; this.#taken = (this.#taken + 1) % 2 ** (EVENTQ_LOG2 + 1)) {
      const bytes = this.memory.read(this.#eventq + (this.#taken % 2 ** EVENTQ_LOG2) * 32, 32) as Uint8Array;
      records.push(bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n));
    }
    return records;
  }
}
