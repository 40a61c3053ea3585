/** Messages without a reply are acknowledged when a quarter of the window is owed. */
const ACK_SHARE = 4;

/** The credit windows of one end: what it may still send, and what it owes its peer (interfaces.md, section 1). */
export class Credits {
  readonly #window: number;
  #left: number;
  #owed = 0;
  #waiting: (() => void)[] = [];

  constructor(window: number) {
    this.#window = window;
    this.#left = window;
  }

  get left(): number {
    return this.#left;
  }

  /** Takes one credit; false: there is none. */
  take(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }

  /** The peer took in `n` messages. A lost message of the lab returns its credit too, so the window is the ceiling. */
  grant(n: number): void {
    this.#left = Math.min(this.#left + n, this.#window);
    this.wake();
  }

  /** A message of the peer that gets no reply was taken in. Returns the number to acknowledge now, 0: not yet. */
  owe(): number {
    if (++this.#owed * ACK_SHARE < this.#window) return 0;
    const n = this.#owed;
    this.#owed = 0;
    return n;
  }

  /** Resolves at the next grant or `wake`. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  wake(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }
}
