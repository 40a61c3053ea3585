export class ScheduledEvent {
  /** Virtual nanoseconds. */
  readonly at: number;
  /** Seeded: which of several events of one instant comes first. */
  readonly tie: number;
  readonly order: number;
  readonly #run: (what: never) => void;
  readonly #what: unknown;
  cancelled = false;

  /** `run` is told `what`: things that come often need no function of their own. */
  constructor(at: number, tie: number, order: number, run: (what: never) => void, what?: unknown) {
    this.at = at;
    this.tie = tie;
    this.order = order;
    this.#run = run;
    this.#what = what;
  }

  run(): void {
    this.#run(this.#what as never);
  }

  cancel(): void {
    this.cancelled = true;
  }
}

const before = (a: ScheduledEvent, b: ScheduledEvent): boolean => (a.at !== b.at ? a.at < b.at : a.tie !== b.tie ? a.tie < b.tie : a.order < b.order);

/** Events by time: a binary heap. */
export class EventHeap {
  readonly #events: ScheduledEvent[] = [];

  push(event: ScheduledEvent): void {
    const events = this.#events;
    let at = events.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, events[parent])) break;
      events[at] = events[parent];
      at = parent;
    }
    events[at] = event;
  }

  /** The earliest event that nobody cancelled, left in place. */
  peek(): ScheduledEvent | null {
    while (this.#events.length && this.#events[0].cancelled) this.#removeFirst();
    return this.#events[0] ?? null;
  }

  pop(): ScheduledEvent | null {
    const first = this.peek();
    if (first) this.#removeFirst();
    return first;
  }

  #removeFirst(): void {
    const events = this.#events;
    const last = events.pop()!;
    if (!events.length) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && before(events[child + 1], events[child])) child++;
      if (!before(events[child], last)) break;
      events[at] = events[child];
      at = child;
    }
    events[at] = last;
  }
}
