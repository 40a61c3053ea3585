import type { Bits } from "../codec/bit-struct.ts";

export const MAX_PASID_WIDTH = 20;
/** The End-End TLP prefix as one doubleword: type 0x91, Privileged Mode Requested, Execute Requested, PASID (PCIe 6.20.2.1; the places of the two flags are not confirmed by a source at hand). */
export const PASID_PREFIX = { TYPE: [31, 24], PRIV: [21, 21], EXE: [20, 20], PASID: [19, 0] } as const satisfies Record<string, Bits>;
export const PASID_PREFIX_TYPE = 0x91;

/** Is `pasid` one that a function with `width` bits can send? */
export const fitsPasid = (pasid: number, width = MAX_PASID_WIDTH): boolean => Number.isInteger(pasid) && pasid >= 0 && pasid < 2 ** width;
