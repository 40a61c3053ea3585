import { increment, indexOf, isEmpty } from "@faultline/shared/arm-smmu-v3/queue-pointer.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Bus } from "../bus.ts";
import { OVFLG, registerAddress } from "./registers.ts";

/** EVENTQ or PRIQ as software consumes it. The records are in memory when an interrupt names a PROD. */
export class OutputQueue {
  readonly base: number;
  readonly log2Size: number;
  readonly #entryBytes: number;
  readonly #memory: PhysicalMemory;
  readonly #bus: Bus;
  readonly #prodRegister: number;
  readonly #consRegister: number;
  #prod = 0;
  #cons = 0;
  #ovackflg = 0;

  constructor(o: { base: number; log2Size: number; entryBytes: number; memory: PhysicalMemory; bus: Bus; prodRegister: number; consRegister: number }) {
    this.base = o.base;
    this.log2Size = o.log2Size;
    this.#entryBytes = o.entryBytes;
    this.#memory = o.memory;
    this.#bus = o.bus;
    this.#prodRegister = o.prodRegister;
    this.#consRegister = o.consRegister;
  }

  /** PROD as an interrupt carried it. The bus keeps order, so it is never older than the one known. */
  observeProd(prod: number): void {
    this.#prod = prod >>> 0;
  }

  /** Reads PROD over the bus. */
  async readProd(): Promise<void> {
    const prod = await this.#bus.read32(registerAddress(this.#prodRegister));
    if (!this.#bus.broken) this.#prod = prod >>> 0;
  }

  /** OVFLG differs from the OVACKFLG last written. */
  get overflow(): boolean {
    return (this.#prod >= OVFLG ? OVFLG : 0) !== this.#ovackflg;
  }

  get empty(): boolean {
    return isEmpty(this.#prod, this.#cons, this.log2Size);
  }

  /** Copies the next record out; null when the queue is empty up to the PROD known. */
  take(): Uint8Array<ArrayBuffer> | null {
    if (this.empty) return null;
    const bytes = this.#memory.read(this.base + indexOf(this.#cons, this.log2Size) * this.#entryBytes, this.#entryBytes);
    this.#cons = increment(this.#cons, this.log2Size);
    return bytes;
  }

  /** M-compare-prod: the record before CONS, once more. */
  newest(): Uint8Array<ArrayBuffer> | null {
    return this.#memory.read(this.base + ((this.#cons + 2 ** this.log2Size - 1) % 2 ** this.log2Size) * this.#entryBytes, this.#entryBytes);
  }

  /** Writes CONS: the slots are free again. `acknowledge` makes OVACKFLG equal OVFLG, once everything is drained. */
  async release(acknowledge: boolean): Promise<void> {
    if (acknowledge) this.#ovackflg = this.#prod >= OVFLG ? OVFLG : 0;
    await this.#bus.write32(registerAddress(this.#consRegister), this.#cons + this.#ovackflg);
  }
}
