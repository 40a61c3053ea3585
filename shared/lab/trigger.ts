import type { When } from "./fault-rule.ts";

/** Counts the matches of one armed rule and says which of them become faults. */
export class Trigger {
  matches = 0;
  fired = 0;
  readonly #when: When;
  readonly #armedAt: number;
  readonly #draw: () => number;
  #space: number;
  #arrived = 0;
  /** The event that the rule waits for has happened, or it waits for none. */
  #open: boolean;
  #lastFault = Number.NEGATIVE_INFINITY;

  /** `armedAt` and `now` of `due`: nanoseconds of one clock. `draw`: the rule's own stream. */
  constructor(when: When, armedAt: number, draw: () => number) {
    this.#when = when;
    this.#armedAt = armedAt;
    this.#draw = draw;
    this.#space = when.space ?? 0;
    this.#open = when.afterEvent === undefined;
  }

  /** The kind of event without which nothing matches; null: none, or it has happened. */
  get awaits(): string | null {
    return this.#open ? null : this.#when.afterEvent!;
  }

  heard(kind: string): void {
    if (kind === this.#when.afterEvent) this.#open = true;
  }

  /** A match that takes `size` of the space, at `now`: whether it becomes a fault. What comes before `at` or the event is no match. */
  due(size: number, now: number): boolean {
    const { at, nth, after, every, times, interval, probability, intervalNs } = this.#when;
    if (!this.#open || (at !== undefined && now - this.#armedAt < at)) return false;
    this.matches++;
    if (nth !== undefined && this.matches !== nth) return false;
    if (after !== undefined && this.matches <= after) return false;
    if (every !== undefined && this.matches % every !== 0) return false;
    // The kernel's attributes, with their meaning and in the order of its should_fail (lib/fault-inject.c; Documentation/fault-injection).
    if (times !== undefined && this.fired >= times) return false;
    if (this.#space > size) {
      this.#space -= size;
      return false;
    }
    if (interval !== undefined && ++this.#arrived % interval !== 0) return false;
    if (probability !== undefined && this.#draw() * 100 >= probability) return false;
    if (intervalNs !== undefined && now - this.#lastFault < intervalNs) return false;
    this.#lastFault = now;
    this.fired++;
    return true;
  }
}

/** Triggers that wait for an event before anything matches. */
export class Gates {
  #waiting: readonly Trigger[] = [];

  /** Replaces them by those of the given triggers that wait for one. */
  set(triggers: readonly Trigger[]): void {
    this.#waiting = triggers.filter(({ awaits }) => awaits !== null);
  }

  awaits(kind: string): boolean {
    return this.#waiting.some(({ awaits }) => awaits === kind);
  }

  heard(kind: string): void {
    if (this.#waiting.length === 0) return;
    for (const trigger of this.#waiting) trigger.heard(kind);
    this.set(this.#waiting);
  }
}
