/** The locks of one name that are held in a part. `since`: their place among the names of which one is held. */
interface Held {
  count: number;
  since: number;
}

/** The locks that are held in one part of the machine, by name: at rest there are none (INV-5). */
export class HeldLocks {
  readonly #held = new Map<string, Held>();
  #names = 0;

  /** What the locks of that name count in. */
  named(name: string): Held {
    let held = this.#held.get(name);
    if (!held) this.#held.set(name, (held = { count: 0, since: 0 }));
    return held;
  }

  taken(held: Held): void {
    if (held.count++ === 0) held.since = ++this.#names;
  }

  dropped(held: Held): void {
    held.count--;
  }

  /** `locks`, the number, and `locks:NAME` for each name of which one is held. */
  counts(): { locks: number } & Record<string, number> {
    const named = [...this.#held].filter(([, { count }]) => count > 0).sort(([, a], [, b]) => a.since - b.since);
    return { locks: named.reduce((sum, [, { count }]) => sum + count, 0), ...Object.fromEntries(named.map(([name, { count }]) => [`locks:${name}`, count])) };
  }
}

/** A lock that the real code takes, with its name, so that a missing one shows. Waiters are served in order. */
export class Mutex {
  readonly name: string;
  readonly #locks: HeldLocks;
  readonly #held: Held;
  #locked = false;
  readonly #waiters: (() => void)[] = [];

  /** `locks`: those of the part whose code takes it. */
  constructor(name: string, locks: HeldLocks) {
    this.name = name;
    this.#locks = locks;
    this.#held = locks.named(name);
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** Undefined: it was free, and is the caller's now; else resolves when it is. */
  lock(): Promise<void> | undefined {
    if (this.#locked) return this.#wait();
    this.#locked = true;
    this.#locks.taken(this.#held);
    return undefined;
  }

  async #wait(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }

  unlock(): void {
    if (this.#waiters.length > 0)
      this.#waiters.shift()!(); // ownership passes on: the lock never looks free in between
    else {
      this.#locked = false;
      this.#locks.dropped(this.#held);
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
