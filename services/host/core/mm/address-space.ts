import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { EINVAL, ENOMEM } from "@faultline/shared/linux-uapi/errno.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { type Frames, PAGE_SIZE } from "./frames.ts";

const MMAP_BASE = 0x7f00_0000_0000;

/** The mm of one VMM process: anonymous memory, populated, in a 48-bit table that its CPU's TTBR0 names. */
export class AddressSpace {
  readonly table: IoPgtable;
  readonly #frames: Frames;
  readonly #regions = new Map<number, number>();
  #next = MMAP_BASE;

  constructor(memory: PhysicalMemory, frames: Frames) {
    this.#frames = frames;
    this.table = new IoPgtable({
      memory,
      allocFrame: () => frames.alloc(),
      freeFrame: (pa) => frames.free(pa),
      format: "stage1",
      inputBits: 48,
      outputBits: 48,
    });
  }

  /** mmap(MAP_ANONYMOUS | MAP_POPULATE): the HVA; -EINVAL for an empty length; -ENOMEM with nothing left mapped. */
  mmapAnonymous(length: number): number {
    if (length <= 0) return -EINVAL;
    const size = Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
    const hva = this.reserve(size);
    for (let done = 0; done < size; done += PAGE_SIZE) {
      const frame = this.#frames.alloc();
      const ret = frame === null ? -ENOMEM : this.table.map(hva + done, frame, PAGE_SIZE, { read: true, write: true, exec: false, user: true });
      if (ret < 0) {
        if (frame !== null) this.#frames.free(frame);
        this.#unmapRegion(hva, done);
        return -ENOMEM;
      }
    }
    this.#regions.set(hva, size);
    return hva;
  }

  /** Addresses that nothing backs: where a mapped device region lies. Its bytes are on the edge (design.md, section 2). */
  reserve(size: number): number {
    const hva = this.#next;
    this.#next += Math.ceil(size / PAGE_SIZE) * PAGE_SIZE + PAGE_SIZE; // a guard page between mappings
    return hva;
  }

  /** exit_mmap: everything unmapped, its frames freed, then the tables. Pins must be gone. */
  exit(): void {
    for (const [hva, size] of this.#regions) this.#unmapRegion(hva, size);
    this.#regions.clear();
    this.table.free();
  }

  #unmapRegion(hva: number, size: number): void {
    for (let done = 0; done < size; done += PAGE_SIZE) {
      const entry = this.table.lookup(hva + done);
      if (!entry) continue;
      this.table.unmap(hva + done, PAGE_SIZE);
      this.#frames.free(entry.pa);
    }
  }
}
