const HOLDS = Promise.resolve();

/** Tasks that wait for something to happen; `wake` lets all of them look again. */
export class WaitQueue {
  #waiters: (() => void)[] = [];

  /** Resolves at the next `wake`. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Resolves once `condition` holds; it is tested now and after each `wake`. */
  until(condition: () => boolean): Promise<void> {
    return condition() ? HOLDS : this.#until(condition);
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.wait();
  }

  wake(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resume of waiters) resume();
  }
}
