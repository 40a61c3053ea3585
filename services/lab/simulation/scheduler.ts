import { EventHeap, ScheduledEvent } from "./event-heap.ts";
import { Random, randomFor } from "./random.ts";

/** How a drive ended: `idle` = nothing is runnable any more and no timer is left; `limit` = the virtual time was used up. */
export type DriveResult<T> = { ended: true; value: T } | { ended: false; reason: "idle" | "limit" };

/** What a poll costs beyond the event that made its condition true. */
const POLL_NS = 100;

/**
 * Macrotasks asked for at a time. Node runs them in one turn of its event loop and drains every promise between two of them, as between two turns;
 * a turn of its own for each event costs a look at all sockets and timers.
 */
const EVENTS_PER_TURN = 64;

interface Poller {
  condition: () => boolean;
  resume: (holds: boolean) => void;
  deadline: { cancel(): void };
}

/**
 * Owns every delivery, timer and random draw of a simulation (design.md, section 4). Virtual time moves only when nothing is runnable at the present instant;
 * a macrotask between two events lets every await chain drain first. One seed, one order.
 */
export class Scheduler {
  readonly random: Random;
  readonly #labTies: Random;
  readonly #heap = new EventHeap();
  readonly #pollers = new Set<Poller>();
  #now = 0;
  #order = 0;
  #failure: { error: unknown } | null = null;

  constructor(seed: number) {
    this.random = new Random(seed);
    this.#labTies = randomFor(seed, "rules");
  }

  /** Virtual nanoseconds since the start. */
  now(): number {
    return this.#now;
  }

  /** Runs `run` `ns` from now; among the events of one instant the seed decides. */
  after(ns: number, run: () => void): { cancel(): void } {
    return this.#at(ns, this.random.uint32(), run);
  }

  /** As `after`, for what the lab does: it draws from a stream of its own, so that a fault more leaves the order of everything else as it was. */
  labAfter(ns: number, run: () => void): { cancel(): void } {
    return this.#at(ns, this.#labTies.uint32(), run);
  }

  #at(ns: number, tie: number, run: (what: never) => void, what?: unknown): { cancel(): void } {
    const event = new ScheduledEvent(this.#now + Math.max(0, Math.round(ns)), tie, this.#order++, run, what);
    this.#heap.push(event);
    return event;
  }

  /** A way along which things arrive in order, each `minimumNs` to `minimumNs + spreadNs` after it left. */
  channel<Thing>(minimumNs: number, spreadNs: number, arrive: (thing: Thing) => void): (thing: Thing) => void {
    let last = 0;
    return (thing) => {
      last = Math.max(this.#now + minimumNs + this.random.below(spreadNs), last + 1);
      this.#at(last - this.#now, this.random.uint32(), arrive, thing);
    };
  }

  sleep(ns: number): Promise<void> {
    return new Promise((resolve) => this.after(ns, resolve));
  }

  /** A busy wait: its condition is looked at after every event. */
  poll(condition: () => boolean, timeoutNs: number): Promise<boolean> {
    return new Promise((resolve) => {
      if (condition()) return void this.after(POLL_NS, () => resolve(true));
      const poller: Poller = {
        condition,
        resume: resolve,
        deadline: this.after(timeoutNs, () => {
          this.#pollers.delete(poller);
          resolve(condition());
        }),
      };
      this.#pollers.add(poller);
    });
  }

  /** A bug of ours, found in a task: the drive throws it. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Runs events until `work` settles, nothing is left to run, or virtual time would pass `limitNs` from now. */
  drive<T>(work: Promise<T>, limitNs = Number.POSITIVE_INFINITY): Promise<DriveResult<T>> {
    let settled: { value: T } | null = null;
    work.then(
      (value) => (settled = { value }),
      (error) => this.fail(error),
    );
    const limit = this.#now + limitNs;
    return new Promise((resolve, reject) => {
      let done = false;
      const end = (result: DriveResult<T>) => {
        done = true;
        resolve(result);
      };
      const step = () => {
        if (done) return;
        try {
          if (this.#failure) throw this.#failure.error;
          if (settled) return end({ ended: true, value: settled.value });
          const next = this.#heap.peek();
          if (!next) return end({ ended: false, reason: "idle" });
          if (next.at > limit) return end({ ended: false, reason: "limit" });
          this.#heap.pop();
          this.#now = next.at;
          next.run();
          if (this.#pollers.size > 0) this.#look();
        } catch (error) {
          done = true;
          reject(error);
        }
      };
      const turn = () => {
        for (let i = 1; i < EVENTS_PER_TURN; i++) setImmediate(step);
        // The last one of a turn asks for the next turn.
        setImmediate(() => {
          step();
          if (!done) turn();
        });
      };
      turn();
    });
  }

  #look(): void {
    for (const poller of this.#pollers) {
      if (!poller.condition()) continue;
      this.#pollers.delete(poller);
      poller.deadline.cancel();
      this.after(POLL_NS, () => poller.resume(true));
    }
  }
}
