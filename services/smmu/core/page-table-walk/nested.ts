import type { RamWindow } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Leaf } from "./leaf.ts";
import * as leaves from "./leaf.ts";
import type { StageTable } from "./stage-table.ts";

// Constants of this module: what is imported is looked up and checked anew at every use.
const { endAt, indexOf, isLeaf } = leaves;
const READABLE = leaves.READABLE;
const READABLE_PAGE = READABLE | 3;

/** 4 KiB: what the kernels of this machine use, and what a compiler can work with as constants. */
const GRANULE = 12;
const INDEX_BITS = 9;
const INDEX_MASK = 0x1ff;
/** Where a table or a page begins, in doublewords. */
const FIRST = ~INDEX_MASK;

/** The descriptor in hand, as its one 8-byte access brought it. */
const doubleword = new BigUint64Array(1);
const halves = new Int32Array(doubleword.buffer);

/**
 * The nested walk as it nearly always goes: 4 KiB granules without DS, descriptors in RAM below 4 GiB that stage 2 maps as Normal memory and lets be read, nobody to tell of them. `first` is the stage-1
 * leaf of `high:low` (within t1's input range), `second` the stage-2 leaf of its output; access flag and permissions of both are the caller's. False: something is not so,
 * perhaps a fault, and nothing may be concluded: the walk level by level (stage-walk.ts) says what it is. Nothing was written, so that it starts as if this had not been.
 *
 *        stage 1     root      table      table      table     output
 *                      |         |          |          |          |
 *        stage 2   4 fetches  4 fetches  4 fetches  4 fetches  4 fetches
 *
 * One function with one stage-2 loop, for the four descriptors and the output: 24 fetches in 90 ns. Each starts where the one before ended, so what counts is how little lies
 * between two, and how few values the loop keeps. `at` is the doubleword of RAM, `dl` and `dh` the descriptor; `| 0` tells the compiler that a value is a 32-bit integer.
 */
export function walkNestedPages({ first: base, doublewords }: RamWindow, t1: StageTable, t2: StageTable, high: number, low: number, first: Leaf, second: Leaf): boolean {
  if (t1.granule !== GRANULE || t2.granule !== GRANULE || t1.DS || t2.DS || t2.rootHigh !== 0 || t2.inputBits < 32) return false;
  const d64 = doubleword;
  const d32 = halves;
  const count = doublewords.length | 0;
  const base32 = base | 0;
  const inputHigh = high | 0;
  const inputLow = low | 0;
  // Bits [43:12]: the indices of all levels but the first.
  const inputPage = (inputHigh << (32 - GRANULE)) | (inputLow >>> GRANULE);
  const beyondOutput = t1.beyondOutput | 0;
  const beyondInput = -1 << (t2.inputBits - 32);
  const deviceMask = t2.deviceMask | 0;
  const root = ((t2.rootLow >>> 3) - base32) | 0;
  const rootShift = t2.rootShift | 0;
  let attributes = 0;
  let shift1 = t1.rootShift | 0;
  let ipaHigh = t1.rootHigh | 0;
  let ipaLow = t1.rootLow | 0 | (indexOf(inputHigh, inputLow, shift1, -1) << 3);
  let isOutput = false;
  for (;;) {
    if ((ipaHigh & beyondInput) !== 0) return false;
    const page = (ipaHigh << (32 - GRANULE)) | (ipaLow >>> GRANULE);
    let dl = 0;
    let dh = 0;
    let shift = rootShift;
    let at = (root + (shift >= 32 ? ipaHigh >> (shift - 32) : indexOf(ipaHigh, ipaLow, shift, -1))) | 0;
    for (; ; shift = (shift - INDEX_BITS) | 0) {
      if (at < 0 || at >= count) return false;
      d64[0] = doublewords[at];
      dl = d32[0] | 0;
      dh = d32[1] | 0;
      if (shift === GRANULE || (dl & 3) !== 3) break;
      if ((dh & 0xffff) !== 0) return false;
      at = (((dl >>> 3) & FIRST) + ((((page >>> (shift - INDEX_BITS - GRANULE)) & INDEX_MASK) - base32) | 0)) | 0;
    }
    if (isOutput) return endAt(second, t2, ipaHigh, ipaLow, shift, 0, (at + base32) << 3, dh, dl, 0) === null;
    if ((dh & 0xffff) !== 0 || (dl & deviceMask) === 0) return false;
    if (shift === GRANULE) {
      if ((dl & READABLE_PAGE) !== READABLE_PAGE) return false;
      at = (((dl >>> 3) & FIRST) + ((((ipaLow >>> 3) & INDEX_MASK) - base32) | 0)) | 0;
    } else {
      if ((dl & READABLE) !== READABLE || !isLeaf(t2, dl, shift)) return false;
      const offset = ((1 << (shift - 3)) - 1) | 0;
      at = (((dl >>> 3) & ~offset) + ((((ipaLow >>> 3) & offset) - base32) | 0)) | 0;
    }
    if (at < 0 || at >= count) return false;
    d64[0] = doublewords[at];
    dl = d32[0] | 0;
    dh = d32[1] | 0;
    if (shift1 === GRANULE || (dl & 3) !== 3) {
      if (endAt(first, t1, inputHigh, inputLow, shift1, 0, (at + base32) << 3, dh, dl, attributes & t1.attributes) !== null) return false;
      first.inputHigh = ipaHigh;
      first.inputLow = ipaLow;
      ipaHigh = first.addressHigh | 0;
      ipaLow = first.addressLow | 0;
      isOutput = true;
      continue;
    }
    ipaHigh = dh & 0xffff;
    if ((ipaHigh & beyondOutput) !== 0) return false;
    attributes |= dh;
    shift1 = (shift1 - INDEX_BITS) | 0;
    ipaLow = (dl & (-1 << GRANULE)) | (((inputPage >>> (shift1 - GRANULE)) & INDEX_MASK) << 3);
  }
}
