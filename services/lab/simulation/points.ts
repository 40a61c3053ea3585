import type { Scheduler } from "./scheduler.ts";

/** What the lab may do at the named points of the cores (interfaces.md, section 8): hold a task, or let tasks yield everywhere at random. */
export class Points {
  readonly #scheduler: Scheduler;
  readonly #yieldEverywhere: boolean;
  readonly #held = new Map<string, { condition?: (m: Record<string, unknown>) => boolean; waiting: (() => void)[] }>();

  constructor(scheduler: Scheduler, yieldEverywhere = false) {
    this.#scheduler = scheduler;
    this.#yieldEverywhere = yieldEverywhere;
  }

  hold(id: string, condition?: (m: Record<string, unknown>) => boolean): void {
    this.#held.set(id, { condition, waiting: [] });
  }

  release(id: string): void {
    const held = this.#held.get(id);
    this.#held.delete(id);
    for (const resume of held?.waiting ?? []) this.#scheduler.after(0, resume);
  }

  /** A task is at the point: undefined lets it go on at once. */
  reach(id: string, fields: Record<string, unknown> = {}): Promise<void> | undefined {
    const held = this.#held.get(id);
    if (held && (!held.condition || held.condition(fields))) return new Promise((resolve) => held.waiting.push(resolve));
    return this.#yieldEverywhere ? this.#scheduler.sleep(this.#scheduler.random.below(2000)) : undefined;
  }

  /** A hardware point: true while it is held. */
  holds(id: string, fields: Record<string, unknown>): boolean {
    const held = this.#held.get(id);
    return held !== undefined && (!held.condition || held.condition(fields));
  }
}
