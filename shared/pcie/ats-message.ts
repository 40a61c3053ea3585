import { bitStruct } from "../codec/bit-struct.ts";

/** One entry of a Translation Completion as a 64-bit value (PCIe 10.2.3); on the link its bytes are big-endian. */
export const translationCompletionEntry = bitStruct("translationCompletionEntry", 8, {
  R: [0, 0],
  W: [1, 1],
  U: [2, 2],
  Exe: [3, 3],
  Priv: [4, 4],
  Global: [5, 5],
  N: [10, 10],
  S: [11, 11],
  Address: [63, 12],
});
/** Payload of an Invalidate Request (10.3.1): the untranslated range in the same size encoding. */
export const invalidateRequestBody = bitStruct("invalidateRequestBody", 8, { Global: [0, 0], S: [11, 11], Address: [63, 12] });

const S = 1n << 11n;
const WHOLE = 1n << 64n;

/**
 * Address and size in one value, bits 63:11 (PCIe 10.2.3.2): S = 0 is 4 KiB; S = 1 a region of 2^(p+1) bytes where p is the lowest 0 bit from bit 12 on.
 * `sizeBytes` is a power of two of 4 KiB to 2^64, `address` a multiple of it.
 */
export function encodeRange(address: bigint, sizeBytes: bigint): bigint {
  if (sizeBytes === 4096n) return address;
  return address | S | ((sizeBytes / 2n - 1n) & ~0xfffn);
}

export function decodeRange(value: bigint): { address: bigint; sizeBytes: bigint } {
  const page = value & ~0xfffn;
  if ((value & S) === 0n) return { address: page, sizeBytes: 4096n };
  let bit = 12n;
  while (bit < 63n && (page >> bit) & 1n) bit++;
  const sizeBytes = 1n << (bit + 1n);
  return { address: sizeBytes >= WHOLE ? 0n : page & ~(sizeBytes - 1n), sizeBytes };
}
