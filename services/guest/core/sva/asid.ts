import type { Mm } from "../mm/mm.ts";

/**
 * ASIDs of the DMA API's tables and of pinned address spaces, 1 .. 2^bits - 1 (IC-818). One allocator gives both, so a pinned ASID is never
 * one that a private CD holds: stealing an ASID (IC-815) is not modelled.
 */
export class AsidAllocator {
  readonly #end: number;
  readonly #used = new Set<number>();
  readonly #pins = new Map<Mm, number>();

  constructor(bits: number) {
    this.#end = 2 ** bits;
  }

  get size(): number {
    return this.#used.size;
  }

  /** null: none is free. */
  alloc(): number | null {
    for (let asid = 1; asid < this.#end; asid++) {
      if (this.#used.has(asid)) continue;
      this.#used.add(asid);
      return asid;
    }
    return null;
  }

  free(asid: number): void {
    this.#used.delete(asid);
  }

  /** arm64_mm_context_get: the mm keeps its ASID until the last put. False: no ASID left (IC-811). */
  pin(mm: Mm): boolean {
    const pins = this.#pins.get(mm) ?? 0;
    if (pins === 0) {
      const asid = this.alloc();
      if (asid === null) return false;
      mm.asid = asid;
    }
    this.#pins.set(mm, pins + 1);
    return true;
  }

  unpin(mm: Mm): void {
    const pins = this.#pins.get(mm) ?? 0;
    if (pins === 0) throw new Error(`${mm.name} has no pinned ASID`);
    if (pins > 1) {
      this.#pins.set(mm, pins - 1);
      return;
    }
    this.#pins.delete(mm);
    this.free(mm.asid);
    mm.asid = 0;
  }
}
