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
  #lastFault = Number.NEGATIVE_INFINITY;

  /** `armedAt` and `now` of `due`: nanoseconds of one clock. `draw`: the rule's own stream. */
  constructor(when: When, armedAt: number, draw: () => number) {
    this.#when = when;
    this.#armedAt = armedAt;
    this.#draw = draw;
    this.#space = when.space ?? 0;
  }

  /** A match that takes `size` of the space, at `now`: whether it becomes a fault. What comes before `at` is no match. */
  due(size: number, now: number): boolean {
    const { at, nth, after, every, times, interval, probability, intervalNs } = this.#when;
    if (at !== undefined && now - this.#armedAt < at) return false;
    this.matches++;
    if (nth !== undefined && this.matches !== nth) return false;
    if (after !== undefined && this.matches <= after) return false;
    if (every !== undefined && this.matches % every !== 0) return false;
    // The kernel's attributes, in the order of its should_fail.
    if (times !== undefined && this.fired >= times) return false;
    if (this.#space > size) {
      this.#space -= size;
      return false;
    }
    if (interval !== undefined && ++this.#arrived % interval !== 0) return false;
    if (probability !== undefined && this.#draw() >= probability) return false;
    if (intervalNs !== undefined && now - this.#lastFault < intervalNs) return false;
    this.#lastFault = now;
    this.fired++;
    return true;
  }
}
