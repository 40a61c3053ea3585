import type { Transport } from "@faultline/shared/edge/transport.ts";
import type { SimPart } from "./part.ts";
import type { Scheduler } from "./scheduler.ts";

/** Unanswered for so long, a connection is dead (design.md, section 2: keepalive 2 s + 2 s). */
const KEEPALIVE_NS = 4e9;

/** Which way messages of a link still go: `up` is from the lower part to the upper one. */
export type Way = "up" | "down";

/** What carries the messages of one edge between two parts: it can be cut, one way or both, and dies with one of them. */
export class Link {
  readonly upper: SimPart;
  readonly lower: SimPart;
  readonly #scheduler: Scheduler;
  readonly #cut: Record<Way, (() => void)[] | null> = { up: null, down: null };
  #ends: { upper: Transport<never, never>; lower: Transport<never, never> } | null = null;
  #dead = false;
  #cuts = 0;

  constructor(scheduler: Scheduler, upper: SimPart, lower: SimPart) {
    this.#scheduler = scheduler;
    this.upper = upper;
    this.lower = lower;
  }

  get dead(): boolean {
    return this.#dead;
  }

  get isCut(): boolean {
    return this.#cut.up !== null || this.#cut.down !== null;
  }

  /** The link is one of that part's. */
  of(name: string): boolean {
    return this.upper.name === name || this.lower.name === name;
  }

  ends(upper: Transport<never, never>, lower: Transport<never, never>): void {
    this.#ends = { upper, lower };
  }

  /** A message has travelled: it arrives, unless the way is cut. */
  arrive(way: Way, deliver: () => void): void {
    const kept = this.#cut[way];
    const receiver = way === "up" ? this.upper : this.lower;
    if (kept) kept.push(() => receiver.power.run(deliver));
    else receiver.power.run(deliver);
  }

  /** Nothing arrives any more that way; what is sent is kept, as TCP does. Both ends see the edge break when keepalive gives up. */
  cut(ways: readonly Way[]): void {
    for (const way of ways) this.#cut[way] ??= [];
    const cut = ++this.#cuts;
    this.#scheduler.after(KEEPALIVE_NS, () => {
      if (cut === this.#cuts && this.isCut) this.#break("keepalive");
    });
  }

  /** The ways are whole again: what was kept arrives, in order. */
  join(): void {
    this.#cuts++;
    for (const way of ["down", "up"] as const) {
      const kept = this.#cut[way];
      this.#cut[way] = null;
      for (const arrive of kept ?? []) arrive();
    }
  }

  /** One of the two parts is gone: the other one sees the edge break, after what was sent before. */
  partGone(part: SimPart): void {
    if (this.#dead) return;
    this.#dead = true;
    const reason = `${part.name} is gone`;
    if (part === this.upper) this.#ends?.upper.close(reason);
    else this.#ends?.lower.close(reason);
  }

  #break(reason: string): void {
    this.#cut.up = null;
    this.#cut.down = null;
    this.#dead = true;
    this.upper.power.run(() => this.#ends?.upper.onClose(reason));
    this.lower.power.run(() => this.#ends?.lower.onClose(reason));
  }
}
