import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";

export const PAGE_SIZE = 4096;
/** What a freed frame holds, so that a late access shows. */
export const POISON = 0x6b;

/** The guest kernel's page allocator over the RAM of its memory slots. Addresses are GPAs. */
export class FrameAllocator {
  readonly #memory: PhysicalMemory;
  /** Free frames; the end is taken first. */
  readonly #free: number[] = [];
  readonly #isFree = new Set<number>();
  readonly #poison = new Uint8Array(PAGE_SIZE).fill(POISON);
  readonly #zero = new Uint8Array(PAGE_SIZE);
  #epoch = 0;
  readonly total: number;
  /** Frees memory that can be had back at once (clean page cache); false: there is none. */
  shrink: () => boolean = () => false;

  constructor(memory: PhysicalMemory, slots: readonly { gpa: number; size: number }[]) {
    this.#memory = memory;
    for (const slot of slots) for (let gpa = slot.gpa; gpa < slot.gpa + slot.size; gpa += PAGE_SIZE) this.#free.push(gpa);
    this.#free.sort((a, b) => b - a); // lowest first
    for (const gpa of this.#free) this.#isFree.add(gpa);
    this.total = this.#free.length;
  }

  get freeCount(): number {
    return this.#isFree.size;
  }

  /** One zeroed frame, or null: out of memory. */
  alloc(): number | null {
    for (;;) {
      while (this.#free.length > 0) {
        const gpa = this.#free.pop()!;
        if (this.#isFree.has(gpa)) return this.#take(gpa); // else an allocContiguous took it
      }
      if (!this.shrink()) return null;
    }
  }

  /** `bytes` (a power of two, at least a page) of zeroed contiguous frames aligned to their size; null: none. */
  allocContiguous(bytes: number): number | null {
    if (bytes === PAGE_SIZE) return this.alloc();
    const candidates = [...this.#isFree].filter((gpa) => gpa % bytes === 0).sort((a, b) => a - b);
    const fits = (base: number) => {
      for (let gpa = base; gpa < base + bytes; gpa += PAGE_SIZE) if (!this.#isFree.has(gpa)) return false;
      return true;
    };
    const base = candidates.find(fits);
    if (base === undefined) return null;
    for (let gpa = base; gpa < base + bytes; gpa += PAGE_SIZE) this.#take(gpa);
    return base;
  }

  free(gpa: number, bytes = PAGE_SIZE): void {
    for (let frame = gpa; frame < gpa + bytes; frame += PAGE_SIZE) {
      if (this.#isFree.has(frame)) throw new Error(`frame 0x${frame.toString(16)} is freed twice`);
      this.#memory.write(frame, this.#poison);
      this.#memory.setOwner(frame, "guest", ++this.#epoch);
      this.#isFree.add(frame);
      this.#free.push(frame);
    }
  }

  #take(gpa: number): number {
    this.#isFree.delete(gpa);
    this.#memory.setOwner(gpa, "guest", ++this.#epoch);
    this.#memory.write(gpa, this.#zero);
    return gpa;
  }
}
