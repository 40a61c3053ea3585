import { pow2 } from "./machine.ts";

/** A small generator (mulberry32); equal seeds draw equal contents. */
export class Draw {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }
  below(n: number): number {
    return this.word() % n;
  }
  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
  /** True in `perMille` of 1000. */
  chance(perMille: number): boolean {
    return this.below(1000) < perMille;
  }
  bit(perMille = 500): bigint {
    return this.chance(perMille) ? 1n : 0n;
  }
  wide(width: number): bigint {
    return ((BigInt(this.word()) << 32n) | BigInt(this.word())) % pow2(width);
  }
}

/** A structure under construction: bits as the specification prints them. */
export class Structure {
  raw = 0n;
  put(hi: number, lo: number, value: bigint | number): this {
    const mask = (pow2(hi - lo + 1) - 1n) << BigInt(lo);
    this.raw = (this.raw & ~mask) | ((BigInt(value) << BigInt(lo)) & mask);
    return this;
  }
}
