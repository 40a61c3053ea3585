import { Inlet, KEEPALIVE_NS } from "@faultline/shared/edge/inlet.ts";
import type { Transport } from "@faultline/shared/edge/transport.ts";
import type { SimPart } from "./part.ts";
import type { Scheduler } from "./scheduler.ts";

/** Which way messages of a link still go: `up` is from the lower part to the upper one. */
export type Way = "up" | "down";

/** What carries the messages of one edge between two parts: it can be cut, one way or both, and dies with one of them. */
export class Link {
  readonly upper: SimPart;
  readonly lower: SimPart;
  readonly #scheduler: Scheduler;
  readonly #inlets: Record<Way, Inlet> = { up: new Inlet(), down: new Inlet() };
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
    return this.#inlets.up.isCut || this.#inlets.down.isCut;
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
    const receiver = way === "up" ? this.upper : this.lower;
    this.#inlets[way].arrive(() => receiver.power.run(deliver));
  }

  /** Nothing arrives any more that way; what is sent is kept, as TCP does. Both ends see the edge break when keepalive gives up. */
  cut(ways: readonly Way[]): void {
    for (const way of ways) this.#inlets[way].cut();
    const cut = ++this.#cuts;
    this.#scheduler.after(KEEPALIVE_NS, () => {
      if (cut === this.#cuts && this.isCut) this.#break("keepalive");
    });
  }

  /** The ways are whole again: what was kept arrives, in order. */
  join(): void {
    this.#cuts++;
    for (const way of ["down", "up"] as const) this.#inlets[way].join();
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
    this.#inlets.up.lose();
    this.#inlets.down.lose();
    this.#dead = true;
    this.upper.power.run(() => this.#ends?.upper.onClose(reason));
    this.lower.power.run(() => this.#ends?.lower.onClose(reason));
  }
}
