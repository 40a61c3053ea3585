/** A stream of numbers drawn from a seed and a purpose (splitmix32): a draw for one purpose shifts no other's. */
export class SeededRandom {
  #state: number;

  constructor(seed: number, purpose: number) {
    this.#state = (seed ^ Math.imul(purpose + 1, 0x85ebca6b)) >>> 0;
  }

  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** An integer in [0, end). */
  below(end: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * end);
  }

  /** True with probability `share`, from 0 to 1. */
  chance(share: number): boolean {
    return this.uint32() / 2 ** 32 < share;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.uint32() & 0xff);
  }
}
