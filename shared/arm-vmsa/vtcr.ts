import { physicalSizeEncoding, startLevel } from "./tcr.ts";

/** VTCR_EL2 of a stage-2 table with the 4 KiB granule, write-back inner-shareable walks. STE[178:160] holds the same 19 bits. D19.2.170; io-pgtable-arm.c. */
export function vtcrOf(inputBits: number, outputBits: number): number {
  const level = startLevel(inputBits);
  const T0SZ = 64 - inputBits;
  const SL0 = ~(level + 1) & 3; // 4 KiB granule: L0 -> 2, L1 -> 1, L2 -> 0
  return T0SZ | (SL0 << 6) | (1 << 8) | (1 << 10) | (3 << 12) | (0 << 14) | (physicalSizeEncoding(outputBits) << 16);
}

/** Start level and input size that a VTCR of the 4 KiB granule describes; null for SL0 = 3, which is reserved. */
export function stage2Geometry(vtcr: number): { startLevel: number; inputBits: number } | null {
  const SL0 = (vtcr >>> 6) & 3;
  return SL0 === 3 ? null : { startLevel: 2 - SL0, inputBits: 64 - (vtcr & 0x3f) };
}
