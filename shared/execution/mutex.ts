/** A lock that the real code takes, with its name, so that a missing one shows. Waiters are served in order. */
export class Mutex {
  readonly name: string;
  #locked = false;
  readonly #waiters: (() => void)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get locked(): boolean {
    return this.#locked;
  }

  async lock(): Promise<void> {
    if (!this.#locked) {
      this.#locked = true;
      return;
    }
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  unlock(): void {
    const next = this.#waiters.shift();
    if (next)
      next(); // ownership passes on: the lock never looks free in between
    else this.#locked = false;
  }

  async with<T>(body: () => Promise<T> | T): Promise<T> {
    await this.lock();
    try {
      return await body();
    } finally {
      this.unlock();
    }
  }
}
