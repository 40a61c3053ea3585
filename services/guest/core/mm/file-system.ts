import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { type FrameAllocator, PAGE_SIZE } from "./frames.ts";

/** A file: its bytes lie on the disk (as the lab streamed them) and come into guest RAM page by page. */
export class File {
  readonly name: string;
  readonly size: number;
  readonly #bytes: Uint8Array;
  /** Told how many pages have been read from the disk so far. */
  pagedIn: ((pages: number) => void) | null = null;
  #read = 0;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.size = bytes.length;
    this.#bytes = bytes;
  }

  get pages(): number {
    return Math.ceil(this.size / PAGE_SIZE);
  }

  /** Page `index`, zero-padded beyond the end of the file. */
  readPage(index: number): Uint8Array {
    const read = this.#bytes.subarray(index * PAGE_SIZE, (index + 1) * PAGE_SIZE);
    this.pagedIn?.(++this.#read);
    if (read.length === PAGE_SIZE) return read;
    const page = new Uint8Array(PAGE_SIZE);
    page.set(read);
    return page;
  }
}

interface CachedPage {
  gpa: number;
  mapCount: number;
}

/** The files of the guest and their page cache. A page is read from the disk at its first fault. */
export class FileSystem {
  readonly #memory: PhysicalMemory;
  readonly #frames: FrameAllocator;
  readonly #files = new Map<string, File>();
  /** Insertion order is the order of eviction. */
  readonly #cache = new Map<File, Map<number, CachedPage>>();

  constructor(memory: PhysicalMemory, frames: FrameAllocator) {
    this.#memory = memory;
    this.#frames = frames;
    frames.shrink = () => this.#shrink();
  }

  create(name: string, bytes: Uint8Array): File {
    const file = new File(name, bytes);
    this.#files.set(name, file);
    return file;
  }

  open(name: string): File | null {
    return this.#files.get(name) ?? null;
  }

  /** Removes the file and its cached pages; one that is still mapped goes with its last mapping (an invalidation failed, RR-84: a device may reach it). */
  unlink(file: File): void {
    if (this.#files.get(file.name) === file) this.#files.delete(file.name);
    const pages = this.#cache.get(file);
    for (const index of pages?.keys() ?? []) this.#dropUnmapped(file, index);
  }

  /** Frame of a page of the file, with one more mapping; null: out of memory. */
  mapPage(file: File, index: number): number | null {
    const pages = this.#cache.get(file) ?? new Map<number, CachedPage>();
    this.#cache.set(file, pages);
    let page = pages.get(index);
    if (!page) {
      const gpa = this.#frames.alloc();
      if (gpa === null) return null;
      this.#memory.write(gpa, file.readPage(index));
      page = { gpa, mapCount: 0 };
      pages.set(index, page);
    }
    page.mapCount++;
    return page.gpa;
  }

  unmapPage(file: File, index: number): void {
    const page = this.#cache.get(file)?.get(index);
    if (!page || page.mapCount === 0) throw new Error(`page ${index} of ${file.name} is not mapped`);
    page.mapCount--;
    if (this.#files.get(file.name) !== file) this.#dropUnmapped(file, index);
  }

  #dropUnmapped(file: File, index: number): void {
    const pages = this.#cache.get(file);
    const page = pages?.get(index);
    if (!pages || !page || page.mapCount > 0) return;
    pages.delete(index);
    this.#frames.free(page.gpa);
    if (pages.size === 0) this.#cache.delete(file);
  }

  /** Pages that no address space maps can be read again: frees a batch of them. */
  #shrink(): boolean {
    let freed = 0;
    for (const pages of this.#cache.values()) {
      for (const [index, page] of pages) {
        if (page.mapCount > 0) continue;
        pages.delete(index);
        this.#frames.free(page.gpa);
        if (++freed === 64) return true;
      }
    }
    return freed > 0;
  }
}
