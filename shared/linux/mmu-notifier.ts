/** Callbacks of one subscriber to an mm (mm/mmu_notifier.c). Both end before the mm frees a page or a table. */
export interface MmuNotifier {
  /** [start, end) is gone from the CPU's page table: nothing may reach the old pages once this resolves to 0; after -errno something still may. `end` is exclusive. */
  invalidate_range(start: number, end: number): Promise<number>;
  /** The mm dies: no agent may walk its tables once this resolves to 0; after -errno one still may. */
  release(): Promise<number>;
}

/** The subscribers of one mm, called in the order of their registration. */
export class MmuNotifiers {
  #subscribers: MmuNotifier[] = [];
  #released = false;

  get count(): number {
    return this.#subscribers.length;
  }

  mmu_notifier_register(notifier: MmuNotifier): void {
    this.#subscribers.push(notifier);
  }

  mmu_notifier_unregister(notifier: MmuNotifier): void {
    this.#subscribers = this.#subscribers.filter((other) => other !== notifier);
  }

  /** 0, or the first error. */
  async invalidate_range(start: number, end: number): Promise<number> {
    let first = 0;
    for (const notifier of this.#subscribers) {
      const ret = await notifier.invalidate_range(start, end);
      if (first === 0) first = ret;
    }
    return first;
  }

  /** At most once: at the mm's exit. 0, or the first error. */
  async release(): Promise<number> {
    if (this.#released) return 0;
    this.#released = true;
    let first = 0;
    for (const notifier of this.#subscribers) {
      const ret = await notifier.release();
      if (first === 0) first = ret;
    }
    return first;
  }
}
