import type { PhysicalMemory, RamWindow } from "./physical-memory.ts";

export const FRAME_SIZE = 4096;

/**
 * RAM and its owner table over two buffers: the one implementation behind `heap` and `mapped`.
 * `ram` must be 8-byte aligned; `owners` has 8 bytes per 4 KiB frame (host epoch, guest epoch).
 */
export class Ram implements PhysicalMemory {
  readonly base: number;
  readonly size: number;
  readonly window: RamWindow | undefined;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #doublewords: BigUint64Array;
  readonly #owners: Uint32Array;
  /** Frames that something was stored into, 0: still as they were at power on, all zeros; null: not known. */
  readonly #stored: Uint8Array | null;
  // Begun as integers, these three stay integers to the compiler.
  readonly #doublewordCount: number = 0;
  readonly #baseHigh: number = 0;
  readonly #baseLow: number = 0;
  readonly #scratch64 = new BigUint64Array(1);
  readonly #scratch32 = new Uint32Array(this.#scratch64.buffer);

  /** `fresh`: `ram` is zero, and only this object stores into it. */
  constructor(base: number, ram: Uint8Array, owners: Uint32Array, fresh = false) {
    this.base = base;
    this.size = ram.byteLength;
    this.#bytes = ram;
    this.#words = new Uint32Array(ram.buffer, ram.byteOffset, ram.byteLength >>> 2);
    this.#doublewords = new BigUint64Array(ram.buffer, ram.byteOffset, ram.byteLength >>> 3);
    this.#owners = owners;
    this.#stored = fresh ? new Uint8Array(ram.byteLength / FRAME_SIZE) : null;
    this.#doublewordCount = ram.byteLength / 8;
    this.#baseHigh = Math.floor(base / 2 ** 32);
    this.#baseLow = base | 0;
    const below4GiB = Math.min(this.#doublewordCount, (2 ** 32 - base) / 8);
    this.window = below4GiB > 0 && base % 8 === 0 ? { first: base / 8, doublewords: this.#doublewords.subarray(0, below4GiB) } : undefined;
  }

  contains(address: number, length: number): boolean {
    return address >= this.base && address + length <= this.base + this.size;
  }

  load64(address: number, out: Uint32Array): boolean {
    const offset = address - this.base;
    if (offset < 0 || offset + 8 > this.size) return false;
    // A 64-bit descriptor is loaded by one 8-byte access: two halves tear between processes.
    this.#scratch64[0] = this.#doublewords[offset / 8];
    out[0] = this.#scratch32[0];
    out[1] = this.#scratch32[1];
    return true;
  }

  load64Halves(high: number, low: number, out: BigUint64Array): boolean {
    const offsetLow = (low - (this.#baseLow | 0)) | 0;
    const offsetHigh = (high - (this.#baseHigh | 0) - (offsetLow >>> 0 > low >>> 0 ? 1 : 0)) | 0; // less the borrow
    if (offsetHigh !== 0) return this.#load64Beyond4GiB(offsetHigh, offsetLow, out);
    const index = offsetLow >>> 3;
    if (index >= this.#doublewordCount) return false;
    out[0] = this.#doublewords[index];
    return true;
  }
  /** Apart, so that the arithmetic of the first 4 GiB stays that of integers. */
  #load64Beyond4GiB(offsetHigh: number, offsetLow: number, out: BigUint64Array): boolean {
    const index = offsetHigh * 2 ** 29 + (offsetLow >>> 3);
    if (index < 0 || index >= this.#doublewordCount) return false;
    out[0] = this.#doublewords[index];
    return true;
  }

  store64(address: number, low: number, high: number): boolean {
    const offset = address - this.base;
    if (offset < 0 || offset + 8 > this.size) return false;
    if (this.#stored) this.#stored[(offset / FRAME_SIZE) | 0] = 1;
    this.#scratch32[0] = low;
    this.#scratch32[1] = high;
    this.#doublewords[offset / 8] = this.#scratch64[0];
    return true;
  }

  compareExchange64(address: number, expectedLow: number, expectedHigh: number, low: number, high: number): boolean | null {
    const offset = address - this.base;
    if (offset < 0 || offset + 8 > this.size) return null;
    if (this.#stored) this.#stored[(offset / FRAME_SIZE) | 0] = 1;
    const expected = (BigInt(expectedHigh >>> 0) << 32n) | BigInt(expectedLow >>> 0);
    const replacement = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    return Atomics.compareExchange(this.#doublewords, offset / 8, expected, replacement) === expected;
  }

  load32(address: number): number | null {
    const offset = address - this.base;
    return offset < 0 || offset + 4 > this.size ? null : this.#words[offset >>> 2];
  }

  store32(address: number, value: number): boolean {
    const offset = address - this.base;
    if (offset < 0 || offset + 4 > this.size) return false;
    if (this.#stored) this.#stored[(offset / FRAME_SIZE) | 0] = 1;
    this.#words[offset >>> 2] = value;
    return true;
  }

  read(address: number, length: number): Uint8Array<ArrayBuffer> | null {
    if (!this.contains(address, length)) return null; // before the bytes are there: `length` may be anything
    const copy = new Uint8Array(length);
    return this.readInto(address, copy) ? copy : null;
  }

  readInto(address: number, target: Uint8Array): boolean {
    if (!this.contains(address, target.length)) return false;
    const offset = address - this.base;
    target.set(this.#bytes.subarray(offset, offset + target.length));
    return true;
  }

  write(address: number, bytes: Uint8Array): boolean {
    if (!this.contains(address, bytes.length)) return false;
    const offset = address - this.base;
    if (this.#stored) {
      const last = ((offset + bytes.length - 1) / FRAME_SIZE) | 0;
      for (let frame = (offset / FRAME_SIZE) | 0; frame <= last; frame++) this.#stored[frame] = 1;
    }
    this.#bytes.set(bytes, offset);
    return true;
  }

  zeroFrame(address: number): boolean {
    if (!this.contains(address, FRAME_SIZE)) return false;
    const offset = address - this.base;
    // Nobody sees the difference, and a page that was never touched costs the process nothing.
    if (this.#stored?.[offset / FRAME_SIZE] !== 0) this.#bytes.fill(0, offset, offset + FRAME_SIZE);
    return true;
  }

  /** As at power on: zero where something was stored, and nobody owns a frame. Only of a memory that began as zeros. */
  clear(): void {
    const stored = this.#stored;
    if (!stored) throw new Error("nobody knows what was stored into this memory");
    for (let frame = stored.indexOf(1); frame >= 0; frame = stored.indexOf(1, frame + 1)) this.#bytes.fill(0, frame * FRAME_SIZE, (frame + 1) * FRAME_SIZE);
    stored.fill(0);
    this.#owners.fill(0);
  }

  owner(address: number): { host: number; guest: number } {
    const frame = Math.floor((address - this.base) / FRAME_SIZE);
    return { host: this.#owners[2 * frame] ?? 0, guest: this.#owners[2 * frame + 1] ?? 0 };
  }

  setOwner(address: number, kernel: "host" | "guest", epoch: number): void {
    const frame = Math.floor((address - this.base) / FRAME_SIZE);
    this.#owners[2 * frame + (kernel === "host" ? 0 : 1)] = epoch;
  }
}
