/** A seeded stream of 32-bit numbers (mulberry32): the only source of chance in a simulation. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** The low bytes of the next numbers, one each. */
  fill(bytes: Uint8Array): Uint8Array {
    let state = this.#state;
    for (let i = 0; i < bytes.length; i++) {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      bytes[i] = t ^ (t >>> 14);
    }
    this.#state = state >>> 0;
    return bytes;
  }

  /** An integer in [0, end). */
  below(end: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * end);
  }
}

/** What a run draws for besides the schedule, which is the seed's own stream. Each purpose has one: drawing more for one shifts no other (issue 6, item 4). */
export type Purpose = "file" | "workload" | "rules";

/** The stream of one purpose of a run: FNV-1a over the purpose, mixed with the run's seed. */
export function randomFor(seed: number, purpose: Purpose): Random {
  let hash = 0x811c9dc5;
  for (const letter of purpose) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  return new Random((Math.imul(seed ^ hash, 0x9e3779b1) ^ (hash >>> 15)) >>> 0);
}
