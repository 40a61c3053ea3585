import type { Scheduler } from "./scheduler.ts";

type Condition = (m: Record<string, unknown>) => boolean;

/** What the lab itself may do at the named points of the cores, besides the rules that are armed there: hold a task, stop it for good, count, or let tasks yield everywhere at random. */
export class Points {
  readonly #scheduler: Scheduler;
  readonly #yieldEverywhere: boolean;
  readonly #held = new Map<string, { condition?: Condition; waiting: (() => void)[] }>();
  readonly #reached = new Map<string, number>();
  /** A point is held no more: hardware that waits there looks again. */
  onRelease: () => void = () => {};
  /** Told of every point that is reached, and for the how manieth time, before anything else happens there. True: the task never goes on. */
  reached: (id: string, nth: number) => boolean = () => false;

  constructor(scheduler: Scheduler, yieldEverywhere = false) {
    this.#scheduler = scheduler;
    this.#yieldEverywhere = yieldEverywhere;
  }

  /** How often each point of a task was reached. */
  get counts(): ReadonlyMap<string, number> {
    return this.#reached;
  }

  hold(id: string, condition?: Condition): void {
    this.#held.set(id, { condition, waiting: [] });
  }

  release(id: string): void {
    const held = this.#held.get(id);
    this.#held.delete(id);
    for (const resume of held?.waiting ?? []) this.#scheduler.after(0, resume);
    this.onRelease();
  }

  /** A task is at the point: undefined lets it go on at once. */
  reach(id: string, fields: Record<string, unknown> = {}): Promise<void> | undefined {
    const nth = (this.#reached.get(id) ?? 0) + 1;
    this.#reached.set(id, nth);
    if (this.reached(id, nth)) return new Promise(() => {});
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
