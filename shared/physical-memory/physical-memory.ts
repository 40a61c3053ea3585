/** The RAM below 4 GiB, for a hot path that loads its doublewords itself: doubleword `index` lies at address (`first` + index) * 8. */
export interface RamWindow {
  readonly first: number;
  readonly doublewords: BigUint64Array;
}

/**
 * The machine's DRAM as one agent sees it: synchronous, because CPUs and devices load and store.
 * Addresses are numbers: exact up to 2^53, and this machine has at most 52 address bits.
 * What is not RAM answers nothing: `false` or `null`, the external abort.
 */
export interface PhysicalMemory {
  /** First byte of RAM and its size in bytes. */
  readonly base: number;
  readonly size: number;
  contains(address: number, length: number): boolean;
  /** One 8-byte access of a naturally aligned doubleword: low half to `out[0]`, high half to `out[1]`. False: not RAM. */
  load64(address: number, out: Uint32Array): boolean;
  /** `load64` for hot paths, where a memory has it: the address in two halves ([51:32], and [31:0] signed or not), the doubleword whole to `out[0]`. */
  load64Halves?(high: number, low: number, out: BigUint64Array): boolean;
  /** The doublewords themselves, where loading one is all that `load64` does: no more than a hot path's short cut, which asks for it anew in every operation. */
  readonly window?: RamWindow | undefined;
  /** One 8-byte store of a naturally aligned doubleword. False: not RAM. */
  store64(address: number, low: number, high: number): boolean;
  /** Atomically replaces a doubleword that still equals the expected one. `null`: not RAM; false: it had changed. */
  compareExchange64(address: number, expectedLow: number, expectedHigh: number, low: number, high: number): boolean | null;
  load32(address: number): number | null;
  store32(address: number, value: number): boolean;
  /** A copy of the bytes, or null when any of them is not RAM. */
  read(address: number, length: number): Uint8Array<ArrayBuffer> | null;
  /** `read` into bytes that the caller has, where a memory has it. False: not RAM, and nothing was copied. */
  readInto?(address: number, target: Uint8Array): boolean;
  /** All or nothing; false: not RAM. */
  write(address: number, bytes: Uint8Array): boolean;
  /** Stores zeros over the whole of a frame, where a memory has it: one that knows that the frame still is zero does nothing. False: not RAM. */
  zeroFrame?(frame: number): boolean;
  /** Owner epochs of a frame (design.md, section 3): for checkers only, no core decides by them. */
  owner(address: number): { host: number; guest: number };
  setOwner(address: number, kernel: "host" | "guest", epoch: number): void;
}
