import { type Fault, fault } from "../fault.ts";
import { addressOf, highOffset, lowOffset } from "./address-halves.ts";
import { blockAllowed, levelOf } from "./geometry.ts";
import type { StageTable } from "./stage-table.ts";

/** A leaf found by a walk, in halves. The descriptor stays addressable for the hardware's updates of AF and dirty state. */
export class Leaf {
  /** Output address of the input given to the walk. */
  addressHigh = 0;
  addressLow = 0;
  /** log2 of the region. */
  shift = 0;
  /** The descriptor. */
  high = 0;
  low = 0;
  /** PA of the descriptor. */
  descriptorHigh = 0;
  descriptorLow = 0;
  /** In nested walks the descriptor's own address before stage 2: an IPA. */
  inputHigh = 0;
  inputLow = 0;
  /** Hierarchical bits of the table descriptors, accumulated over the levels (page-tables.md, section 4.2): bits of the upper half, TABLE_ATTRIBUTES. */
  attributes = 0;

  get address(): number {
    return addressOf(this.addressHigh, this.addressLow);
  }
  get descriptor(): number {
    return addressOf(this.descriptorHigh, this.descriptorLow);
  }
}

/** AF, and S2AP[0]: stage 2 lets it be read, and without an update of the descriptor (page-tables.md, sections 4.3 and 5.3). */
export const READABLE = 0x440;

/** Bits 1:0 are 11 above the last level; there they say page. */
export const isTable = (low: number, shift: number, granule: number): boolean => (low & 3) === 3 && shift !== granule;

/** A descriptor that is no table is a page at the last level, above it a block where blocks are legal; or nothing. */
export const isLeaf = (t: StageTable, low: number, shift: number): boolean =>
  shift === t.granule ? (low & 3) === 3 : (low & 1) !== 0 && blockAllowed(t.granule, levelOf(t.granule, shift), t.oas, t.DS);

/** Bits [51:32] of the next table or the output. */
export const outputHigh = (high: number, low: number, highMask: number, topMask: number, topShift: number): number => (high & highMask) | ((low & topMask) << topShift);

/** The whole output address of a descriptor whose region has 2^shift bytes. */
export const outputOf = (t: StageTable, high: number, low: number, shift: number): number =>
  addressOf(outputHigh(high, low, t.highMask, t.topMask, t.topShift) & ~highOffset(-1, shift), shift >= 32 ? 0 : low & (-1 << shift));

/** Input bits from `shift` up. */
export const indexOf = (high: number, low: number, shift: number, mask: number): number =>
  (shift >= 32 ? high >> (shift - 32) : (low >>> shift) | (high << (32 - shift))) & mask;

export const beyondOutput = (t: StageTable): Fault => fault("F_ADDR_SIZE", { s2: t.stage === 2 });

/** The walk of `high:low` has ended at a descriptor that is no table: `leaf` says what it maps, or a fault does. F_TRANSLATION, F_ADDR_SIZE. */
export function endAt(
  leaf: Leaf,
  t: StageTable,
  high: number,
  low: number,
  shift: number,
  addressHigh: number,
  addressLow: number,
  descriptorHigh: number,
  descriptorLow: number,
  attributes: number,
): Fault | null {
  if (!isLeaf(t, descriptorLow, shift)) return fault("F_TRANSLATION", { s2: t.stage === 2 });
  const regionHigh = outputHigh(descriptorHigh, descriptorLow, t.highMask, t.topMask, t.topShift) & ~highOffset(-1, shift);
  if ((regionHigh & t.beyondOutput) !== 0) return beyondOutput(t);
  leaf.addressHigh = regionHigh | highOffset(high, shift);
  leaf.addressLow = (shift >= 32 ? 0 : descriptorLow & (-1 << shift)) | lowOffset(low, shift);
  leaf.shift = shift;
  leaf.high = descriptorHigh;
  leaf.low = descriptorLow;
  leaf.descriptorHigh = addressHigh;
  leaf.descriptorLow = addressLow;
  leaf.attributes = attributes;
  return null;
}
