import { hex } from "@faultline/shared/codec/uint64.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { silentTracer, type Tracer } from "@faultline/shared/trace/tracer.ts";

export const PAGE_SIZE = 4096;
/** What a freed frame holds, so that a late access shows. */
export const POISON = 0x6b;

const POISON_WORD = POISON * 0x01010101;

const FREE = 1,
  POISONED = 2;

/** The guest kernel's page allocator over the RAM of its memory slots. Addresses are GPAs. */
export class FrameAllocator {
  readonly #memory: PhysicalMemory;
  /** Lowest first. `first`: number of its first frame; frames are numbered through all slots. */
  readonly #slots: readonly { gpa: number; end: number; first: number }[];
  /** FREE, POISONED of each frame. */
  readonly #state: Uint8Array;
  /** Frames that were given back, the last one first; one that a contiguous run took meanwhile is passed over. */
  readonly #freed: number[] = [];
  /** Frames from here on were never given back: the lowest is taken first, once the others are gone. */
  #untouched = 0;
  #freeCount: number;
  /** Frames that hold the poison, in the order in which they were freed. */
  readonly #poisoned = new Set<number>();
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

  constructor(memory: PhysicalMemory, slots: readonly { gpa: number; size: number }[], tracer: Tracer = silentTracer) {
    this.#tracer = tracer;
    this.#memory = memory;
    let total = 0;
    this.#slots = [...slots]
      .sort((a, b) => a.gpa - b.gpa)
      .map(({ gpa, size }) => {
        const first = total;
        total += size / PAGE_SIZE;
        return { gpa, end: gpa + size, first };
      });
    this.#state = new Uint8Array(total).fill(FREE);
    this.#freeCount = this.total = total;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** One zeroed frame, or null: out of memory. */
  alloc(): number | null {
    for (;;) {
      while (this.#freed.length > 0) {
        const frame = this.#freed.pop()!;
        if (this.#state[frame] & FREE) return this.#take(frame);
      }
      while (this.#untouched < this.total) {
        const frame = this.#untouched++;
        if (this.#state[frame] & FREE) return this.#take(frame);
      }
      if (!this.shrink()) return null;
    }
  }

  /** `bytes` (a power of two, at least a page) of zeroed contiguous frames aligned to their size, the lowest ones; null: none. */
  allocContiguous(bytes: number): number | null {
    if (bytes === PAGE_SIZE) return this.alloc();
    for (const slot of this.#slots) {
      for (let base = Math.ceil(slot.gpa / bytes) * bytes; base < slot.end; base += bytes) {
        if (!this.#allFree(base, bytes)) continue;
        for (let gpa = base; gpa < base + bytes; gpa += PAGE_SIZE) this.#take(this.#frameOf(gpa));
        return base;
      }
    }
    return null;
  }

  #allFree(base: number, bytes: number): boolean {
    for (let gpa = base; gpa < base + bytes; gpa += PAGE_SIZE) {
      const frame = this.#frameOf(gpa);
      if (frame < 0 || (this.#state[frame] & FREE) === 0) return false;
    }
    return true;
  }

  free(gpa: number, bytes = PAGE_SIZE): void {
    for (let at = gpa; at < gpa + bytes; at += PAGE_SIZE) {
      const frame = this.#frameOf(at);
      if (this.#state[frame] & FREE) throw new Error(`frame 0x${at.toString(16)} is freed twice`);
      this.#memory.write(at, this.#poison);
      this.#changesHands("guest.frame-freed", at);
      this.#state[frame] = FREE | POISONED;
      this.#poisoned.add(frame);
      this.#freed.push(frame);
      this.#freeCount++;
    }
  }

  #take(frame: number): number {
    const gpa = this.#gpaOf(frame);
    if (this.#state[frame] & POISONED) {
      if (!this.#holdsPoison(gpa)) this.#stained(frame);
      this.#poisoned.delete(frame);
    }
    this.#state[frame] = 0;
    this.#freeCount--;
    this.#changesHands("guest.frame-taken", gpa);
    if (this.#memory.zeroFrame) this.#memory.zeroFrame(gpa);
    else this.#memory.write(gpa, this.#zero);
    return gpa;
  }

  /** -1: no frame of RAM. */
  #frameOf(gpa: number): number {
    for (const slot of this.#slots) if (gpa >= slot.gpa && gpa < slot.end) return slot.first + (gpa - slot.gpa) / PAGE_SIZE;
    return -1;
  }
  #gpaOf(frame: number): number {
    let at = this.#slots.length - 1;
    while (this.#slots[at].first > frame) at--;
    return this.#slots[at].gpa + (frame - this.#slots[at].first) * PAGE_SIZE;
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
    for (const frame of [...this.#poisoned].filter((one) => !this.#holdsPoison(this.#gpaOf(one)))) this.#stained(frame);
  }

  #stained(frame: number): void {
    this.#state[frame] &= ~POISONED;
    this.#poisoned.delete(frame);
    this.#overwritten++;
    this.overwritten(this.#gpaOf(frame));
  }

  #holdsPoison(gpa: number): boolean {
    const bytes = this.#memory.read(gpa, PAGE_SIZE);
    if (bytes === null) return false;
    const words = new Uint32Array(bytes.buffer);
    for (let i = 0; i < words.length; i++) if (words[i] !== POISON_WORD) return false;
    return true;
  }
}
