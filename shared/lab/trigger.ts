import type { FaultRule, When } from "./fault-rule.ts";
import { randomStream } from "./random-stream.ts";

/** How far a trigger has come. */
export interface Progress {
  matches: number;
  fired: number;
  arrived: number;
  space: number;
  draws: number;
  open: boolean;
  /** When the last fault was, counted from the arming of the rules; null: none was. */
  lastNs: number | null;
}
export type RuleProgress = { id: string /** Released: it keeps nothing more. */; spent: boolean } & Progress;

/** Of the part that ran in the place of one that is started: rules and their counts are the run's, whoever runs them. */
export interface Predecessor {
  /** How long ago the rules were armed. */
  ageNs: number;
  rules: readonly RuleProgress[];
}

/** The trigger of a rule that is armed now, or goes on from where it was in a part that is no more. */
export const triggerOf = ({ id, when = {} }: Pick<FaultRule, "id" | "when">, seed: number, now: number, before: Predecessor | null): Trigger =>
  new Trigger(
    when,
    now - (before?.ageNs ?? 0),
    randomStream(seed, id),
    before?.rules.find((rule) => rule.id === id),
  );

/** Counts the matches of one armed rule and says which of them become faults. */
export class Trigger {
  matches: number;
  fired: number;
  readonly #when: When;
  readonly #armedAt: number;
  readonly #draw: () => number;
  #space: number;
  #arrived: number;
  /** The event that the rule waits for has happened, or it waits for none. */
  #open: boolean;
  #lastFault: number;
  #draws = 0;

  /** `armedAt` and `now` of `due`: nanoseconds of one clock. `draw`: the rule's own stream. `from`: where it goes on. */
  constructor(when: When, armedAt: number, draw: () => number, from?: Progress) {
    this.#when = when;
    this.#armedAt = armedAt;
    this.#draw = draw;
    this.matches = from?.matches ?? 0;
    this.fired = from?.fired ?? 0;
    this.#arrived = from?.arrived ?? 0;
    this.#space = from?.space ?? when.space ?? 0;
    this.#open = from?.open ?? when.afterEvent === undefined;
    this.#lastFault = from?.lastNs == null ? Number.NEGATIVE_INFINITY : armedAt + from.lastNs;
    for (let n = from?.draws ?? 0; n > 0; n--) this.#drawn();
  }

  get progress(): Progress {
    const { matches, fired } = this;
    const lastNs = Number.isFinite(this.#lastFault) ? this.#lastFault - this.#armedAt : null;
    return { matches, fired, arrived: this.#arrived, space: this.#space, draws: this.#draws, open: this.#open, lastNs };
  }

  #drawn(): number {
    this.#draws++;
    return this.#draw();
  }

  /** An event that what happens by itself waits for: whether it is the `nth` that it happens at. */
  arrives(): boolean {
    return ++this.#arrived === (this.#when.nth ?? 1);
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
    if (probability !== undefined && this.#drawn() * 100 >= probability) return false;
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
