import type { Lanes } from "./lanes.ts";

interface Message {
  lanes: Lanes;
  /** A rule keeps it no more, or never did: it waits only for those before it. */
  free: boolean;
  leave: () => void;
}

/** Messages of one direction that have not left: those that rules keep, and behind them those of the same lane. */
export class KeptMessages {
  #messages: Message[] = [];

  get any(): boolean {
    return this.#messages.length > 0;
  }

  /** Keeps a message. Returns what lets it go: it leaves as soon as nothing of its lanes is before it. */
  keep(lanes: Lanes, leave: () => void): () => void {
    const message: Message = { lanes, free: false, leave };
    this.#messages.push(message);
    return () => {
      message.free = true;
      this.#look();
    };
  }

  /** Whether the message has to wait behind one that is kept; then it leaves after that one. */
  waits(lanes: Lanes, leave: () => void): boolean {
    if (!this.#blocked(lanes, this.#messages.length)) return false;
    this.#messages.push({ lanes, free: true, leave });
    return true;
  }

  /** All of them, in order, to whom they are now. Nothing is kept any more. */
  clear(): (() => void)[] {
    const all = this.#messages;
    this.#messages = [];
    return all.map(({ leave }) => leave);
  }

  #blocked(lanes: Lanes, before: number): boolean {
    return lanes.length > 0 && this.#messages.slice(0, before).some((earlier) => earlier.lanes.some((lane) => lanes.includes(lane)));
  }

  #look(): void {
    for (;;) {
      const next = this.#messages.findIndex(({ free, lanes }, i) => free && !this.#blocked(lanes, i));
      if (next < 0) return;
      const [{ leave }] = this.#messages.splice(next, 1);
      leave();
    }
  }
}
