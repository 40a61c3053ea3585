import { COMPLETION_STATUS } from "@faultline/shared/accelerator/completion.ts";
import { ACCELERATOR, CTRL, accelerator as R, STATUS } from "@faultline/shared/accelerator/registers.ts";

/** The registers below 0x1000 of BAR0 (shared/accelerator/registers.ts). */
export class FunctionRegisters {
  readonly #initialPagesPerGroup: number;
  readonly #outstanding: () => number;
  readonly #resetRequested: () => void;
  readonly #statusRaised: () => void;
  #ctrl = 0;
  #status = 0;
  #faultAddress = 0n;
  pagesPerGroup = 1;
  retryLimit = 16;

  constructor(pagesPerGroup: number, on: { outstanding(): number; reset(): void; statusRaised(): void }) {
    this.#initialPagesPerGroup = pagesPerGroup;
    this.#outstanding = on.outstanding;
    this.#resetRequested = on.reset;
    this.#statusRaised = on.statusRaised;
    this.reset();
  }

  reset(): void {
    this.#ctrl = this.#status = 0;
    this.#faultAddress = 0n;
    this.pagesPerGroup = clampPages(this.#initialPagesPerGroup);
    this.retryLimit = 16;
  }

  get enabled(): boolean {
    return (this.#ctrl & CTRL.ENABLE) !== 0;
  }

  /** A descriptor failed. */
  failed(status: number, address: bigint, priUsable: boolean): void {
    this.#faultAddress = address;
    if (status === COMPLETION_STATUS.RESPONSE_FAILURE) this.raise(STATUS.RESPONSE_FAILURE | STATUS.PRI_STOPPED);
    else if (status === COMPLETION_STATUS.ABORTED) this.raise(STATUS.ATS_ERROR | (priUsable ? 0 : STATUS.PRI_STOPPED));
  }

  /** Sets STATUS bits; the error vector when one is new. */
  raise(bits: number): void {
    const fresh = (bits & ~this.#status) !== 0;
    this.#status |= bits;
    if (fresh) this.#statusRaised();
  }

  read32(offset: number): number {
    switch (offset) {
      case R.ID.offset:
        return ACCELERATOR.id;
      case R.CAPS.offset:
        return (ACCELERATOR.queues - 1) | (ACCELERATOR.log2MaxRing << 8) | (ACCELERATOR.highestOperation << 16);
      case R.CTRL.offset:
        return this.#ctrl;
      case R.STATUS.offset:
        return this.#status;
      case R.PAGES_PER_GROUP.offset:
        return this.pagesPerGroup;
      case R.RETRY_LIMIT.offset:
        return this.retryLimit;
      case R.OUTSTANDING.offset:
        return this.#outstanding();
      case R.FAULT_ADDRESS.offset:
        return Number(this.#faultAddress & 0xffffffffn);
      case R.FAULT_ADDRESS.offset + 4:
        return Number(this.#faultAddress >> 32n);
      default:
        return 0;
    }
  }

  write32(offset: number, value: number): void {
    switch (offset) {
      case R.CTRL.offset:
        if ((value & CTRL.RESET) !== 0) return this.#resetRequested(); // self-clearing
        // Each action ends within its step, so the function is halted as soon as it is disabled.
        if (this.enabled && (value & CTRL.ENABLE) === 0) this.#status |= STATUS.HALTED;
        this.#ctrl = value & CTRL.ENABLE;
        return;
      case R.STATUS.offset:
        this.#status &= ~value;
        return;
      case R.PAGES_PER_GROUP.offset:
        this.pagesPerGroup = clampPages(value);
        return;
      case R.RETRY_LIMIT.offset:
        this.retryLimit = value;
        return;
    }
  }
}

const clampPages = (pages: number): number => Math.min(Math.max(pages, 1), 64);
