import { hex } from "@faultline/shared/codec/uint64.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { silentTracer, type Tracer } from "@faultline/shared/trace/tracer.ts";

export const PAGE_SIZE = 4096;
/** What a freed frame holds, so that a late access shows. */
export const POISON = 0x6b;

const POISON_WORD = POISON * 0x01010101;

/** The guest kernel's page allocator over the RAM of its memory slots. Addresses are GPAs. */
export class FrameAllocator {
  readonly #memory: PhysicalMemory;
  /** Free frames; the end is taken first. */
  readonly #free: number[] = [];
  readonly #isFree = new Set<number>();
  readonly #poison = new Uint8Array(PAGE_SIZE).fill(POISON);
  readonly #zero = new Uint8Array(PAGE_SIZE);
  readonly #tracer: Tracer;
  #epoch = 0;
  readonly total: number;
  /** Frees memory that can be had back at once (clean page cache); false: there is none. */
  shrink: () => boolean = () => false;
  /** Told of a frame that was written to while it was free: nobody should have been able to. */
  overwritten: (gpa: number) => void = () => {};
  #overwritten = 0;
  /** Frames that hold the poison. */
  readonly #poisoned = new Set<number>();

  constructor(memory: PhysicalMemory, slots: readonly { gpa: number; size: number }[], tracer: Tracer = silentTracer) {
    this.#tracer = tracer;
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
      this.#poisoned.add(frame);
      this.#changesHands("guest.frame-freed", frame);
      this.#isFree.add(frame);
      this.#free.push(frame);
    }
  }

  #take(gpa: number): number {
    this.#isFree.delete(gpa);
    if (this.#poisoned.has(gpa) && !this.#holdsPoison(gpa)) this.#stained(gpa);
    this.#poisoned.delete(gpa);
    this.#changesHands("guest.frame-taken", gpa);
    if (this.#memory.zeroFrame) this.#memory.zeroFrame(gpa);
    else this.#memory.write(gpa, this.#zero);
    return gpa;
  }

  #changesHands(kind: "guest.frame-taken" | "guest.frame-freed", gpa: number): void {
    this.#memory.setOwner(gpa, "guest", ++this.#epoch);
    if (this.#tracer.wants(kind)) this.#tracer.emit(kind, { gpa: hex(gpa) }, { epoch: this.#epoch });
  }

  /** Frames that `overwritten` was told of. */
  get overwrittenCount(): number {
    return this.#overwritten;
  }

  /** Looks at every free frame; those that do not hold the poison any more are told of now. */
  checkPoison(): void {
    for (const gpa of [...this.#poisoned].filter((frame) => !this.#holdsPoison(frame))) this.#stained(gpa);
  }

  #stained(gpa: number): void {
    this.#poisoned.delete(gpa);
    this.#overwritten++;
    this.overwritten(gpa);
  }

  #holdsPoison(gpa: number): boolean {
    const bytes = this.#memory.read(gpa, PAGE_SIZE);
    if (bytes === null) return false;
    for (const word of new Uint32Array(bytes.buffer)) if (word !== POISON_WORD) return false;
    return true;
  }
}
