import { indexOf, isEmpty, used } from "@faultline/shared/arm-smmu-v3/queue-pointer.ts";
import type { RegisterName } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { type RegisterFile, registerIndex } from "./register-file/register-file.ts";

/** Base, size and pointers of one queue as its registers say (3.5). */
export class QueueRegisters {
  readonly #regs: RegisterFile;
  readonly #base: RegisterName;
  readonly #baseLow: number;
  readonly #prod: number;
  readonly #cons: number;
  readonly #entryBytes: number;
  readonly #maximumLog2: number;

  constructor(regs: RegisterFile, queue: "CMDQ" | "EVENTQ" | "PRIQ", entryBytes: number, maximumLog2: number) {
    this.#regs = regs;
    this.#base = `${queue}_BASE`;
    this.#baseLow = registerIndex(this.#base);
    this.#prod = registerIndex(`${queue}_PROD`);
    this.#cons = registerIndex(`${queue}_CONS`);
    this.#entryBytes = entryBytes;
    this.#maximumLog2 = maximumLog2;
  }

  /** Effective log2 size: min(LOG2SIZE, IDR1). */
  get log2Size(): number {
    return Math.min(this.#regs.lowAt(this.#baseLow) & 0x1f, this.#maximumLog2);
  }
  get prod(): number {
    return this.#regs.lowAt(this.#prod);
  }
  set prod(value: number) {
    this.#regs.setAt(this.#prod, value);
  }
  get cons(): number {
    return this.#regs.lowAt(this.#cons);
  }
  set cons(value: number) {
    this.#regs.setAt(this.#cons, value);
  }
  get empty(): boolean {
    return isEmpty(this.prod, this.cons, this.log2Size);
  }
  /** Also when PROD and CONS are inconsistent (3.5.1, CONSTRAINED UNPREDICTABLE: one of the permitted choices, and no unread entry is overwritten). */
  get full(): boolean {
    return used(this.prod, this.cons, this.log2Size) >= 1 << this.log2Size;
  }
  /** PA of the entry a pointer names; the base is taken as aligned to the queue's size, at least 32 bytes. */
  address(pointer: number): number {
    const base = this.#regs.address(this.#base, 0xffffffe0);
    const size = Math.max(32, this.#entryBytes << this.log2Size);
    return base - (base & (size - 1)) + indexOf(pointer, this.log2Size) * this.#entryBytes;
  }
}
