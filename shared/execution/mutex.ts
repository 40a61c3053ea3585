/** The locks that are held in one part of the machine, by name: at rest there are none (INV-5). */
export class HeldLocks {
  readonly #held = new Map<string, number>();

  taken(name: string): void {
    this.#held.set(name, (this.#held.get(name) ?? 0) + 1);
  }

  dropped(name: string): void {
    const left = (this.#held.get(name) ?? 0) - 1;
    if (left > 0) this.#held.set(name, left);
    else this.#held.delete(name);
  }

  /** `locks`, the number, and `locks:NAME` for each name of which one is held. */
  counts(): { locks: number } & Record<string, number> {
    const named = [...this.#held].map(([name, held]): [string, number] => [`locks:${name}`, held]);
    return { locks: named.reduce((sum, [, held]) => sum + held, 0), ...Object.fromEntries(named) };
  }
}

/** A lock that the real code takes, with its name, so that a missing one shows. Waiters are served in order. */
export class Mutex {
  readonly name: string;
  readonly #held: HeldLocks;
  #locked = false;
  readonly #waiters: (() => void)[] = [];

  /** `held`: those of the part whose code takes it. */
  constructor(name: string, held: HeldLocks) {
    this.name = name;
    this.#held = held;
  }

  get locked(): boolean {
    return this.#locked;
  }

  async lock(): Promise<void> {
    if (!this.#locked) {
      this.#locked = true;
      this.#held.taken(this.name);
      return;
    }
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  unlock(): void {
    const next = this.#waiters.shift();
    if (next)
      next(); // ownership passes on: the lock never looks free in between
    else {
      this.#locked = false;
      this.#held.dropped(this.name);
    }
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
