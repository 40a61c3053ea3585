import { ACCELERATOR, PASID_VALID, QSTATUS, queueRegisters as R } from "@faultline/shared/accelerator/registers.ts";

const DESCRIPTOR_BYTES = 64n;

/** The registers of one queue. RING_BASE, RING_LOG2 and PASID are written while the queue is disabled, else the write is ignored. */
export class QueueRegisters {
  readonly #index: number;
  readonly #disabled: () => void;
  #ringLow = 0;
  #ringHigh = 0;
  #ringLog2 = 0;
  #pasid = 0;
  #head = 0;
  #tail = 0;
  #status = 0;
  #vector: number;
  /** STOP was written and STOPPED is not set yet. */
  stopping = false;

  /** `disabled`: ENABLED went to 0, or to 1 again: work in progress is void. */
  constructor(index: number, disabled: () => void) {
    this.#index = index;
    this.#vector = index;
    this.#disabled = disabled;
  }

  reset(): void {
    this.#ringLow = this.#ringHigh = this.#ringLog2 = this.#pasid = this.#head = this.#tail = this.#status = 0;
    this.#vector = this.#index;
    this.stopping = false;
  }

  get enabled(): boolean {
    return (this.#status & QSTATUS.ENABLED) !== 0;
  }
  /** ERROR or STOPPED: nothing is fetched until it is cleared. */
  get halted(): boolean {
    return (this.#status & (QSTATUS.ERROR | QSTATUS.STOPPED)) !== 0;
  }
  get head(): number {
    return this.#head;
  }
  get tail(): number {
    return this.#tail;
  }
  get pasid(): number | null {
    return this.#pasid >= PASID_VALID ? this.#pasid % 2 ** 20 : null;
  }
  get vector(): number {
    return this.#vector;
  }
  get #entries(): number {
    return 2 ** this.#ringLog2;
  }
  /** Address of the descriptor at HEAD. */
  get slot(): bigint {
    const base = (BigInt(this.#ringHigh) << 32n) | BigInt(this.#ringLow);
    return BigInt.asUintN(64, base + BigInt(this.#head) * DESCRIPTOR_BYTES);
  }
  advance(): void {
    this.#head = (this.#head + 1) % this.#entries;
  }
  error(): void {
    this.#status |= QSTATUS.ERROR;
  }
  stopped(): void {
    this.stopping = false;
    this.#status |= QSTATUS.STOPPED;
  }

  read32(offset: number): number {
    switch (offset) {
      case R.RING_BASE.offset:
        return this.#ringLow;
      case R.RING_BASE.offset + 4:
        return this.#ringHigh;
      case R.RING_LOG2.offset:
        return this.#ringLog2;
      case R.PASID.offset:
        return this.#pasid;
      case R.HEAD.offset:
        return this.#head;
      case R.TAIL.offset:
        return this.#tail;
      case R.QSTATUS.offset:
        return this.#status;
      case R.MSIX_VECTOR.offset:
        return this.#vector;
      default:
        return 0;
    }
  }

  write32(offset: number, value: number): void {
    if (offset === R.QSTATUS.offset) return this.#writeStatus(value);
    if (offset === R.MSIX_VECTOR.offset) this.#vector = value & 0xffff;
    else if (offset === R.TAIL.offset) {
      if (this.enabled) this.#tail = value % this.#entries; // a doorbell of a disabled queue publishes nothing
    } else if (!this.enabled) this.#writeSetup(offset, value);
  }

  #writeSetup(offset: number, value: number): void {
    switch (offset) {
      case R.RING_BASE.offset:
        this.#ringLow = (value & ~63) >>> 0;
        return;
      case R.RING_BASE.offset + 4:
        this.#ringHigh = value;
        return;
      case R.RING_LOG2.offset:
        this.#ringLog2 = Math.min(value, ACCELERATOR.log2MaxRing);
        return;
      case R.PASID.offset:
        this.#pasid = (value & 0x800f_ffff) >>> 0;
        return;
    }
  }

  /** ENABLED is RW and starts the ring at 0; ERROR and STOPPED are RW1C; STOP is a command. */
  #writeStatus(value: number): void {
    const before = this.#status;
    this.#status = (value & QSTATUS.ENABLED) | (before & (QSTATUS.ERROR | QSTATUS.STOPPED) & ~value);
    if ((value & QSTATUS.STOP) !== 0) this.stopping = true;
    else if (((before ^ value) & QSTATUS.ENABLED) !== 0) {
      this.stopping = false;
      this.#disabled();
      if (this.enabled) this.#head = this.#tail = 0;
    }
  }
}
