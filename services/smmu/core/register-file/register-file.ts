import { mask, type Register, type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { type IdRegisters, identityOf } from "../identity.ts";
import { implementedBits } from "./implemented-bits.ts";

const NAMES = Object.keys(registers) as RegisterName[];
const INDEX = Object.fromEntries(NAMES.map((name, index) => [name, index])) as Record<RegisterName, number>;
/** Where a register stands in the file: for who asks for one again and again by a name that is not written out. */
export const registerIndex = (name: RegisterName): number => INDEX[name];

const byOffset = new Map<number, { name: RegisterName; high: boolean }>();
for (const [name, register] of Object.entries(registers)) {
  byOffset.set(register.offset, { name: name as RegisterName, high: false });
  if (register.sizeBytes === 8) byOffset.set(register.offset + 4, { name: name as RegisterName, high: true });
}

const cr1 = registers.CR1.fields;
const CR1_TABLE = mask(cr1.TABLE_IC) | mask(cr1.TABLE_OC) | mask(cr1.TABLE_SH);
const CR1_QUEUE = mask(cr1.QUEUE_IC) | mask(cr1.QUEUE_OC) | mask(cr1.QUEUE_SH);

/** 0xFD0 to 0xFFC, one byte a word. */
const PIDR = [0x04, 0, 0, 0, 0x84, 0xb4, 0xf0, 0x10, 0x0d, 0xf0, 0x05, 0xb1];

/** The stored values of both register pages: access sizes, reset, guards. What a write means is decided by its owner (`written`). Arm IHI 0070 G.b, 6.1 to 6.3. */
export class RegisterFile {
  readonly #low = new Uint32Array(NAMES.length);
  readonly #high = new Uint32Array(NAMES.length);
  readonly #id: IdRegisters;
  /** The bits that a register keeps, [low, high] half. */
  readonly #bits: Record<RegisterName, readonly [low: number, high: number]>;
  /** CR0.SMMUEN, which every transaction asks for. */
  smmuEnabled = false;
  /** Called after a stored write, with the value that stood there before (low half). */
  written: (name: RegisterName, before: number) => void = () => {};

  constructor(id: IdRegisters) {
    this.#id = id;
    this.#bits = implementedBits(identityOf(id));
    this.reset();
  }

  /** UNKNOWN resets are 0; GBPA: bypass with incoming attributes (SHCFG = 1). */
  reset(): void {
    this.#low.fill(0);
    this.smmuEnabled = false;
    this.#high.fill(0);
    for (const name of Object.keys(this.#id) as (keyof IdRegisters)[]) this.#low[INDEX[name]] = this.#id[name];
    this.#low[INDEX.GBPA] = 0x1000;
    const ids: RegisterName[] = ["PIDR4", "PIDR5", "PIDR6", "PIDR7", "PIDR0", "PIDR1", "PIDR2", "PIDR3", "CIDR0", "CIDR1", "CIDR2", "CIDR3"];
    for (const [i, name] of ids.entries()) this.#low[INDEX[name]] = PIDR[i];
  }

  low(name: RegisterName): number {
    return this.#low[INDEX[name]];
  }
  high(name: RegisterName): number {
    return this.#high[INDEX[name]];
  }
  lowAt(index: number): number {
    return this.#low[index];
  }
  setAt(index: number, low: number): void {
    this.#low[index] = low;
  }
  set(name: RegisterName, low: number): void {
    this.#store(name, low);
  }
  #store(name: RegisterName, low: number): void {
    this.#low[INDEX[name]] = low;
    if (name === "CR0") this.smmuEnabled = (low & mask(registers.CR0.fields.SMMUEN)) !== 0;
  }
  /** ADDR field of a base or IRQ_CFG0 register as a number (bits [51:lo]). */
  address(name: RegisterName, lowMask: number): number {
    return (this.high(name) & 0xfffff) * 2 ** 32 + ((this.low(name) & lowMask) >>> 0);
  }

  /** `size` 4 or 8. Other sizes and unaligned accesses are RAZ (6.1, CONSTRAINED UNPREDICTABLE: one of the permitted choices). */
  read(offset: number, size: number): [low: number, high: number] {
    if ((size !== 4 && size !== 8) || offset % size !== 0) return [0, 0];
    const low = this.#read32(offset);
    if (size === 4) return [low, 0];
    const at = byOffset.get(offset);
    // A 64-bit access across two 32-bit registers is RAZ/WI (6.1, CONSTRAINED UNPREDICTABLE).
    return at && registers[at.name].sizeBytes === 8 ? [low, this.#read32(offset + 4)] : [0, 0];
  }

  #read32(offset: number): number {
    const at = byOffset.get(offset);
    return at ? (at.high ? this.high(at.name) : this.low(at.name)) : 0;
  }

  write(offset: number, size: number, low: number, high: number): void {
    if ((size !== 4 && size !== 8) || offset % size !== 0) return;
    const at = byOffset.get(offset);
    if (!at) return;
    if (size === 8 && registers[at.name].sizeBytes !== 8) return;
    const register: Register = registers[at.name];
    if (!this.#permitted(register)) return;
    const before = this.low(at.name);
    const [lowBits, highBits] = this.#bits[at.name];
    if (at.high) this.#high[INDEX[at.name]] = low & highBits;
    else {
      const open = at.name === "CR1" ? this.#openCr1() : 0xffffffff;
      this.#store(at.name, (low & lowBits & open) | (before & ~open));
      if (size === 8) this.#high[INDEX[at.name]] = high & highBits;
    }
    this.written(at.name, before);
  }

  /** Bits of CR1 that can be written now: TABLE_* while SMMUEN = 0, QUEUE_* while no queue is enabled (6.3.11). */
  #openCr1(): number {
    const { SMMUEN, PRIQEN, EVENTQEN, CMDQEN } = registers.CR0.fields;
    const on = this.low("CR0") | this.low("CR0ACK");
    const tables = (on & mask(SMMUEN)) === 0 ? CR1_TABLE : 0;
    return (on & (mask(PRIQEN) | mask(EVENTQEN) | mask(CMDQEN))) === 0 ? tables | CR1_QUEUE : tables;
  }

  /** Guards test CR0.xEN and CR0ACK.xEN; a write outside the window is ignored (6.3.1; CONSTRAINED UNPREDICTABLE before SMMUv3.2). */
  #permitted(register: Register): boolean {
    const { access } = register;
    if (access === "RW") return true;
    if (access === "RO") return false;
    if (access === "GERROR_IRQEN" || access === "EVENTQ_IRQEN" || access === "PRIQ_IRQEN") {
      return ((this.low("IRQ_CTRL") | this.low("IRQ_CTRLACK")) & mask(registers.IRQ_CTRL.fields[access])) === 0;
    }
    return ((this.low("CR0") | this.low("CR0ACK")) & mask(registers.CR0.fields[access])) === 0;
  }
}
