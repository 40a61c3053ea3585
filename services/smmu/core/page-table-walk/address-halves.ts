/*
 * Addresses inside the walker are pairs of halves: bits [51:32], and bits [31:0] as a signed 32-bit integer. Integer operations on them cost a tenth of those on
 * doubles; at the borders of the walker (faults, TLB entries, PAs) they are numbers again.
 */

/** The address as a number, exact below 2^53. */
export const addressOf = (high: number, low: number): number => high * 2 ** 32 + (low >>> 0);
export const highHalf = (address: number): number => Math.floor(address / 2 ** 32);
export const lowHalf = (address: number): number => address | 0;

/** Bits [63:`bits`] are not all zero. `bits`: 12 to 52. */
export const exceeds = (high: number, low: number, bits: number): boolean => (bits >= 32 ? high >>> (bits - 32) !== 0 : high !== 0 || low >>> bits !== 0);

/** Bits [`shift` - 1:0] of each half. */
export const highOffset = (high: number, shift: number): number => (shift <= 32 ? 0 : high & ~(-1 << (shift - 32)));
export const lowOffset = (low: number, shift: number): number => (shift >= 32 ? low : low & ~(-1 << shift));
