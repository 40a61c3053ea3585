/** DEFAULT_RATELIMIT_INTERVAL and DEFAULT_RATELIMIT_BURST, include/linux/ratelimit_types.h. */
const INTERVAL_NS = 5e9;
const BURST = 10;

/** What dev_err_ratelimited() asks before it prints: at most ten lines in five seconds from the first of them, then silence until the five seconds are over. */
export class RateLimit {
  readonly #now: () => number;
  #begin: number | null = null;
  #printed = 0;

  /** `now` in nanoseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether this line is printed. */
  allows(): boolean {
    const now = this.#now();
    if (this.#begin === null || now - this.#begin >= INTERVAL_NS) {
      this.#begin = now;
      this.#printed = 0;
    }
    return ++this.#printed <= BURST;
  }
}
