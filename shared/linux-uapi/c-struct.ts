import type { Bits } from "../codec/bit-struct.ts";

/** A C member of `size` bytes at `offset`, as bits. */
export const at = (offset: number, size: number): Bits => [8 * (offset + size) - 1, 8 * offset];
