import type { Replayed } from "./replay-machine.ts";
import { RECORD_BYTES } from "./vector-file.ts";

const CR0 = 0x20;
const EVENTQEN = 1n << 2n;
const EVENTQ_BASE = 0xa0;
export const EVENTQ_PROD = 0x100a8;
/** 6.3.26: ADDR[51:5] of this machine, LOG2SIZE[4:0]. */
const ADDR = 0xf_ffff_ffff_ffe0n;
const LOG2SIZE = 0x1fn;

/** The records between the last look and EVENTQ_PROD, in the queue that EVENTQ_BASE describes (vectors/smmu/README.md, expectEvents). */
export class EventReader {
  readonly #machine: Replayed;
  readonly #maxLog2: number;
  #position = 0;

  /** `maxLog2`: IDR1.EVENTQS. */
  constructor(machine: Replayed, maxLog2: number) {
    this.#machine = machine;
    this.#maxLog2 = maxLog2;
  }

  reset(): void {
    this.#position = 0;
  }

  /** EVENTQ_PROD is about to be written: while the queue is off, this is where its records begin. */
  async startAt(pointer: number): Promise<void> {
    if (((await this.#machine.read(CR0, 4)) & EVENTQEN) === 0n) this.#position = pointer;
  }

  /** The new records, or why they cannot be read. */
  async take(): Promise<Uint8Array[] | string> {
    const base = await this.#machine.read(EVENTQ_BASE, 8);
    const entries = 2 ** Math.min(Number(base & LOG2SIZE), this.#maxLog2);
    const address = Number(base & ADDR);
    const aligned = address - (address % Math.max(32, entries * RECORD_BYTES));
    const prod = Number(await this.#machine.read(EVENTQ_PROD, 4)) % (2 * entries);
    const from = this.#position % (2 * entries);
    const count = (prod - from + 2 * entries) % (2 * entries);
    this.#position = prod;
    if (count > entries) return `EVENTQ_PROD 0x${prod.toString(16)} is ${count} records behind 0x${from.toString(16)}, the queue has ${entries}`;
    const records: Uint8Array[] = [];
    for (let n = 0; n < count; n++) {
      const at = aligned + ((from + n) % entries) * RECORD_BYTES;
      const record = await this.#machine.readMemory(at, RECORD_BYTES);
      if (!record) return `the record at 0x${at.toString(16)} is not in RAM`;
      records.push(record);
    }
    return records;
  }
}
