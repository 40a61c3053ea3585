import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";

export const PAGE_SIZE = 4096;
/** What a freed frame holds: a device or a walker that still reads it shows in the data. */
export const POISON = 0x6b; // POISON_FREE, include/linux/poison.h

/**
 * The host's page allocator. Frames that follow each other in time are deliberately far apart in address, so that nothing works by accident
 * of contiguity. Each change of hands writes the host epoch into the owner table, for the checkers alone.
 */
export class Frames {
  readonly #memory: PhysicalMemory;
  readonly #count: number;
  readonly #used: Uint8Array;
  readonly #pins: Uint32Array;
  readonly #stride: number;
  readonly #poison = new Uint8Array(PAGE_SIZE).fill(POISON);
  readonly #zero = new Uint8Array(PAGE_SIZE);
  #cursor = 0;
  #epoch = 0;
  #allocated = 0;
  #pinned = 0;

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
    this.#count = Math.floor(memory.size / PAGE_SIZE);
    this.#used = new Uint8Array(this.#count);
    this.#pins = new Uint32Array(this.#count);
    this.#stride = coprimeNear(Math.floor(this.#count * 0.381966), this.#count);
  }

  get total(): number {
    return this.#count;
  }
  get allocated(): number {
    return this.#allocated;
  }

  /** Sum of all pin counts. */
  get pinned(): number {
    return this.#pinned;
  }

  /** PA of a zeroed frame; null: no memory. */
  alloc(): number | null {
    for (let tried = 0; tried < this.#count; tried++) {
      const index = (this.#cursor * this.#stride) % this.#count;
      this.#cursor = (this.#cursor + 1) % this.#count;
      if (this.#used[index] === 0) return this.#take(index);
    }
    return null;
  }

  /** PA of `size` bytes of zeroed frames in a row, aligned to `align` (dma_alloc_coherent, for queues and stream tables); null: no such run. */
  allocContiguous(size: number, align: number): number | null {
    const frames = Math.ceil(size / PAGE_SIZE);
    const step = Math.max(1, align / PAGE_SIZE);
    const first = (align - (this.#memory.base % align)) % align;
    for (let index = first / PAGE_SIZE; index + frames <= this.#count; index += step) {
      if (this.#used.subarray(index, index + frames).some((used) => used !== 0)) continue;
      for (let i = 0; i < frames; i++) this.#take(index + i);
      return this.#memory.base + index * PAGE_SIZE;
    }
    return null;
  }

  /** The frame changes hands and is poisoned. Throws for a frame that is free or pinned: our bug. */
  free(pa: number): void {
    const index = this.#index(pa);
    if (this.#used[index] === 0) throw new Error(`frame ${pa.toString(16)} is freed twice`);
    if (this.#pins[index] !== 0) throw new Error(`frame ${pa.toString(16)} is freed while pinned`);
    this.#used[index] = 0;
    this.#allocated--;
    this.#memory.write(pa, this.#poison);
    this.#memory.setOwner(pa, "host", ++this.#epoch);
  }

  pin(pa: number): void {
    const index = this.#index(pa);
    if (this.#used[index] === 0) throw new Error(`free frame ${pa.toString(16)} is pinned`);
    this.#pins[index]++;
    this.#pinned++;
  }

  unpin(pa: number): void {
    const index = this.#index(pa);
    if (this.#pins[index] === 0) throw new Error(`frame ${pa.toString(16)} is unpinned too often`);
    this.#pins[index]--;
    this.#pinned--;
  }

  #index(pa: number): number {
    return Math.floor((pa - this.#memory.base) / PAGE_SIZE);
  }

  #take(index: number): number {
    const pa = this.#memory.base + index * PAGE_SIZE;
    this.#used[index] = 1;
    this.#allocated++;
    if (this.#memory.zeroFrame) this.#memory.zeroFrame(pa);
    else this.#memory.write(pa, this.#zero);
    this.#memory.setOwner(pa, "host", ++this.#epoch);
    return pa;
  }
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
function coprimeNear(start: number, count: number): number {
  let stride = Math.max(1, start);
  while (gcd(stride, count) !== 1) stride++;
  return stride;
}
