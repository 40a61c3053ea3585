import type { PhysicalMemory } from "./physical-memory.ts";
import { FRAME_SIZE } from "./ram.ts";

/** Frames of one slab: 1 MiB, so that frames that lie far apart cost 4 KiB each and few objects. */
const SLAB_FRAMES = 256;

interface Slab {
  bytes: Uint8Array;
  words: Uint32Array;
  doublewords: BigUint64Array;
}

/** The whole address space of an SMMU: no output address has more than 52 bits (Arm IHI 0070 G.b, 6.3.6). */
export const EVERY_ADDRESS = { base: 0, size: 2 ** 52 } as const;

/**
 * RAM of any extent that costs what was written: every address in [base, base + size) answers, and what nobody wrote reads as zero. Reads take no
 * memory. One process alone sees it: compare-and-exchange needs no Atomics. Owner epochs are not kept (there is no allocator beside a replay): 0.
 */
export class SparseMemory implements PhysicalMemory {
  readonly base: number;
  readonly size: number;
  /** Frame number to frame slot. */
  readonly #slots = new Map<number, number>();
  readonly #slabs: Slab[] = [];
  #used = 0;
  /** The frame looked at last: walks and copies stay in one. -1: none. */
  #lastFrame = -1;
  #lastSlot = 0;
  readonly #scratch64 = new BigUint64Array(1);
  readonly #scratch32 = new Uint32Array(this.#scratch64.buffer);

  constructor({ base, size }: { base: number; size: number }) {
    this.base = base;
    this.size = size;
  }

  /** Bytes that written frames take. */
  get writtenBytes(): number {
    return this.#used * FRAME_SIZE;
  }

  /** As after power-on: all zero. Its slabs stay for the next contents. */
  clear(): void {
    this.#slots.clear();
    this.#used = 0;
    this.#lastFrame = -1;
  }

  contains(address: number, length: number): boolean {
    return address >= this.base && address + length <= this.base + this.size;
  }

  load64(address: number, out: Uint32Array): boolean {
    if (!this.contains(address, 8)) return false;
    const slot = this.#slot(address);
    if (slot < 0) {
      out[0] = out[1] = 0;
      return true;
    }
    this.#scratch64[0] = this.#slabs[Math.floor(slot / SLAB_FRAMES)].doublewords[offsetOf(slot, address) >>> 3];
    out[0] = this.#scratch32[0];
    out[1] = this.#scratch32[1];
    return true;
  }

  store64(address: number, low: number, high: number): boolean {
    if (!this.contains(address, 8)) return false;
    const slot = this.#claim(address);
    this.#scratch32[0] = low;
    this.#scratch32[1] = high;
    this.#slabs[Math.floor(slot / SLAB_FRAMES)].doublewords[offsetOf(slot, address) >>> 3] = this.#scratch64[0];
    return true;
  }

  compareExchange64(address: number, expectedLow: number, expectedHigh: number, low: number, high: number): boolean | null {
    const now = new Uint32Array(2);
    if (!this.load64(address, now)) return null;
    return now[0] === expectedLow >>> 0 && now[1] === expectedHigh >>> 0 && this.store64(address, low, high);
  }

  load32(address: number): number | null {
    if (!this.contains(address, 4)) return null;
    const slot = this.#slot(address);
    return slot < 0 ? 0 : this.#slabs[Math.floor(slot / SLAB_FRAMES)].words[offsetOf(slot, address) >>> 2];
  }

  store32(address: number, value: number): boolean {
    if (!this.contains(address, 4)) return false;
    const slot = this.#claim(address);
    this.#slabs[Math.floor(slot / SLAB_FRAMES)].words[offsetOf(slot, address) >>> 2] = value;
    return true;
  }

  read(address: number, length: number): Uint8Array<ArrayBuffer> | null {
    if (!this.contains(address, length)) return null;
    const copy = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const piece = pieceAt(address + done, length - done);
      const slot = this.#slot(address + done);
      if (slot >= 0) {
        const at = offsetOf(slot, address + done);
        copy.set(this.#slabs[Math.floor(slot / SLAB_FRAMES)].bytes.subarray(at, at + piece), done);
      }
      done += piece;
    }
    return copy;
  }

  write(address: number, bytes: Uint8Array): boolean {
    if (!this.contains(address, bytes.length)) return false;
    for (let done = 0; done < bytes.length; ) {
      const piece = pieceAt(address + done, bytes.length - done);
      const slot = this.#claim(address + done);
      this.#slabs[Math.floor(slot / SLAB_FRAMES)].bytes.set(bytes.subarray(done, done + piece), offsetOf(slot, address + done));
      done += piece;
    }
    return true;
  }

  owner(): { host: number; guest: number } {
    return { host: 0, guest: 0 };
  }
  setOwner(): void {}

  /** The slot of a frame that was written, or -1. */
  #slot(address: number): number {
    const frame = Math.floor(address / FRAME_SIZE);
    if (frame === this.#lastFrame) return this.#lastSlot;
    const slot = this.#slots.get(frame);
    if (slot === undefined) return -1;
    this.#lastFrame = frame;
    this.#lastSlot = slot;
    return slot;
  }

  /** The slot of a frame that is about to be written: a fresh one holds zeros. */
  #claim(address: number): number {
    const found = this.#slot(address);
    if (found >= 0) return found;
    const slot = this.#used++;
    const index = Math.floor(slot / SLAB_FRAMES);
    if (index === this.#slabs.length) this.#slabs.push(newSlab());
    else this.#slabs[index].bytes.fill(0, (slot % SLAB_FRAMES) * FRAME_SIZE, ((slot % SLAB_FRAMES) + 1) * FRAME_SIZE);
    this.#lastFrame = Math.floor(address / FRAME_SIZE);
    this.#lastSlot = slot;
    this.#slots.set(this.#lastFrame, slot);
    return slot;
  }
}

function newSlab(): Slab {
  const bytes = new Uint8Array(SLAB_FRAMES * FRAME_SIZE);
  return { bytes, words: new Uint32Array(bytes.buffer), doublewords: new BigUint64Array(bytes.buffer) };
}

/** Where in its slab the byte lies. */
const offsetOf = (slot: number, address: number): number => (slot % SLAB_FRAMES) * FRAME_SIZE + (address % FRAME_SIZE);
/** Bytes of an access that lie in the frame of its first byte. */
const pieceAt = (address: number, length: number): number => Math.min(length, FRAME_SIZE - (address % FRAME_SIZE));
