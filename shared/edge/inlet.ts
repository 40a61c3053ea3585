/** Unanswered for so long, a connection is dead (design.md, section 2: keepalive 2 s + 2 s). */
export const KEEPALIVE_NS = 4e9;

/** Where the messages of one direction of a connection arrive. Cut, it keeps them, as TCP does what nobody acknowledges; joined, they go on in order. */
export class Inlet {
  #kept: (() => void)[] | null = null;
  /** How often it was cut or joined: a cut that stands has the number that it was made with. */
  cuts = 0;

  get isCut(): boolean {
    return this.#kept !== null;
  }

  arrive(deliver: () => void): void {
    if (this.#kept) this.#kept.push(deliver);
    else deliver();
  }

  cut(): number {
    this.#kept ??= [];
    return ++this.cuts;
  }

  join(): void {
    this.cuts++;
    const kept = this.#kept;
    this.#kept = null;
    for (const deliver of kept ?? []) deliver();
  }

  /** The connection is dead: what is kept never arrives. */
  lose(): void {
    this.cuts++;
    this.#kept = null;
  }
}
