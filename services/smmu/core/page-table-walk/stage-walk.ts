import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { type Fault, fault } from "../fault.ts";
import { addressOf, highHalf, highOffset, lowHalf, lowOffset } from "./address-halves.ts";
import { blockAllowed, levelOf, levelShift } from "./geometry.ts";
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

/** Told of every descriptor read: the `walk` command and tests listen. `output`: the next table, or where a page or block begins, if the descriptor is one. */
export type DescriptorListener = (stage: 1 | 2, level: number, address: number, low: number, high: number, output: number) => void;

/** Table descriptors that a walk may start from, and that it leaves behind (16.2). */
export interface WalkPrefixes {
  /** The descriptor of the deepest level that is known: the walk goes on at the next one. */
  longest(t: StageTable): { level: number; next: number; attributes: number } | undefined;
  keep(t: StageTable, level: number, next: number, attributes: number): void;
}

/** Stage 2 of the addresses of stage-1 descriptors: null, and `leaf` says where the descriptor is, or a fault. */
export interface DescriptorStage2 {
  readonly leaf: Leaf;
  resolve(high: number, low: number): Fault | null;
}

/** The descriptor in hand, as its one 8-byte access brought it. */
const doubleword = new BigUint64Array(1);
const halves = new Uint32Array(doubleword.buffer);

/*
 * The two loops below are the hottest of the SMMU: 24 descriptors of a nested walk in 200 ns. `| 0` tells the compiler that a value is a 32-bit integer (it carries fields
 * and parameters as tagged values otherwise). `walk` is `#byLevels` without those who have something to say between two levels: nothing in its loop calls out, and that
 * halves its time.
 */

/** Walks the tables of one stage. What a walk found stands in `leaf` until the next one. */
export class StageWalk {
  readonly leaf = new Leaf();
  listen: DescriptorListener | undefined;
  readonly #memory: HalvesMemory;

  constructor(memory: PhysicalMemory) {
    this.#memory = takesHalves(memory) ? memory : { load64Halves: (high, low) => memory.load64(addressOf(high, low), halves) };
  }

  /**
   * Walks `t` for the input `high:low` (already reduced to the table's input range); its descriptors are at PAs. Null: `leaf` is found. Per level: abort, translation, address
   * size (page-tables.md, section 5.3); access flag and permissions are the caller's. F_WALK_EABT, F_TRANSLATION, F_ADDR_SIZE.
   */
  walk(t: StageTable, high: number, low: number, prefixes?: WalkPrefixes): Fault | null {
    if (prefixes !== undefined || this.listen !== undefined) return this.#byLevels(t, high, low, null, prefixes);
    const memory = this.#memory;
    const inputHigh = high | 0;
    const inputLow = low | 0;
    const granule = t.granule | 0;
    const indexMask = t.indexMask | 0;
    const tableMask = t.tableMask | 0;
    const beyond = t.beyondOutput | 0;
    const highMask = t.highMask | 0;
    const topMask = t.topMask | 0;
    const topShift = t.topShift | 0;
    const tableAttributes = t.attributes | 0;
    let attributes = 0;
    let shift = t.rootShift | 0;
    let addressHigh = t.rootHigh | 0;
    let addressLow = t.rootLow | 0 | (indexOf(inputHigh, inputLow, shift, -1) << 3);
    for (;;) {
      if (!memory.load64Halves(addressHigh, addressLow, doubleword)) return aborted(t, addressHigh, addressLow);
      const descriptorHigh = halves[1] | 0;
      const descriptorLow = halves[0] | 0;
      if (!isTable(descriptorLow, shift, granule)) return this.#found(t, inputHigh, inputLow, shift, addressHigh, addressLow, descriptorHigh, descriptorLow, attributes);
      addressHigh = outputHigh(descriptorHigh, descriptorLow, highMask, topMask, topShift);
      if ((addressHigh & beyond) !== 0) return beyondOutput(t);
      attributes |= descriptorHigh & tableAttributes;
      shift = (shift - granule + 3) | 0;
      addressLow = (descriptorLow & tableMask) | (indexOf(inputHigh, inputLow, shift, indexMask) << 3);
    }
  }

  /** As `walk`, for a nested stage 1: its descriptors are at IPAs. Faults of `stage2` too. */
  walkNested(t: StageTable, high: number, low: number, stage2: DescriptorStage2, prefixes?: WalkPrefixes): Fault | null {
    return this.#byLevels(t, high, low, stage2, prefixes);
  }

  /** A walk of which somebody has something to say at every level: stage 2, the walk cache, a listener. */
  #byLevels(t: StageTable, high: number, low: number, stage2: DescriptorStage2 | null, prefixes: WalkPrefixes | undefined): Fault | null {
    const { leaf, listen } = this;
    const memory = this.#memory;
    const inputHigh = high | 0;
    const inputLow = low | 0;
    const granule = t.granule | 0;
    const indexMask = t.indexMask | 0;
    const tableMask = t.tableMask | 0;
    const beyondSize = t.beyondOutput | 0;
    const highMask = t.highMask | 0;
    const topMask = t.topMask | 0;
    const topShift = t.topShift | 0;
    const tableAttributes = t.attributes | 0;
    let attributes = 0;
    let shift = t.rootShift | 0;
    let addressHigh = t.rootHigh | 0;
    let addressLow = t.rootLow | 0 | (indexOf(inputHigh, inputLow, shift, -1) << 3);
    const known = prefixes === undefined ? undefined : prefixes.longest(t);
    if (known !== undefined) {
      attributes = known.attributes | 0;
      shift = levelShift(granule, known.level + 1) | 0;
      addressHigh = highHalf(known.next) | 0;
      addressLow = lowHalf(known.next) | (indexOf(inputHigh, inputLow, shift, indexMask) << 3);
    }
    for (;;) {
      if (stage2 !== null) {
        leaf.inputHigh = addressHigh;
        leaf.inputLow = addressLow;
        const refused = stage2.resolve(addressHigh, addressLow);
        if (refused !== null) return refused;
        addressHigh = stage2.leaf.addressHigh | 0;
        addressLow = stage2.leaf.addressLow | 0;
      }
      if (!memory.load64Halves(addressHigh, addressLow, doubleword)) return aborted(t, addressHigh, addressLow);
      const descriptorHigh = halves[1] | 0;
      const descriptorLow = halves[0] | 0;
      if (listen !== undefined) {
        const output = outputOf(t, descriptorHigh, descriptorLow, isTable(descriptorLow, shift, granule) ? granule : shift);
        listen(t.stage, levelOf(granule, shift), addressOf(addressHigh, addressLow), descriptorLow >>> 0, descriptorHigh >>> 0, output);
      }
      if (!isTable(descriptorLow, shift, granule)) return this.#found(t, inputHigh, inputLow, shift, addressHigh, addressLow, descriptorHigh, descriptorLow, attributes);
      addressHigh = outputHigh(descriptorHigh, descriptorLow, highMask, topMask, topShift);
      if ((addressHigh & beyondSize) !== 0) return beyondOutput(t);
      attributes |= descriptorHigh & tableAttributes;
      addressLow = descriptorLow & tableMask;
      if (prefixes !== undefined) prefixes.keep(t, levelOf(granule, shift), addressOf(addressHigh, addressLow), attributes);
      shift = (shift - granule + 3) | 0;
      addressLow |= indexOf(inputHigh, inputLow, shift, indexMask) << 3;
    }
  }

  /** The descriptor is no table: a page or a block, and where its output lies, or a fault. */
  #found(
    t: StageTable,
    high: number,
    low: number,
    shift: number,
    addressHigh: number,
    addressLow: number,
    descriptorHigh: number,
    descriptorLow: number,
    attributes: number,
  ) {
    const valid = shift === t.granule ? (descriptorLow & 3) === 3 : (descriptorLow & 1) !== 0 && blockAllowed(t.granule, levelOf(t.granule, shift), t.oas, t.DS);
    if (!valid) return fault("F_TRANSLATION", { s2: t.stage === 2 });
    const regionHigh = outputHigh(descriptorHigh, descriptorLow, t.highMask, t.topMask, t.topShift) & ~highOffset(-1, shift);
    if ((regionHigh & t.beyondOutput) !== 0) return beyondOutput(t);
    const { leaf } = this;
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
}

const aborted = (t: StageTable, high: number, low: number): Fault =>
  fault("F_WALK_EABT", { s2: t.stage === 2, class: t.stage === 2 ? 2 : 1, fetchAddr: addressOf(high, low) });
const beyondOutput = (t: StageTable): Fault => fault("F_ADDR_SIZE", { s2: t.stage === 2 });

/** Bits 1:0 are 11 above the last level; there they say page. */
const isTable = (low: number, shift: number, granule: number): boolean => (low & 3) === 3 && shift !== granule;

/** Bits [51:32] of the next table or the output. */
const outputHigh = (high: number, low: number, highMask: number, topMask: number, topShift: number): number => (high & highMask) | ((low & topMask) << topShift);

/** The whole output address of a descriptor whose region has 2^shift bytes. */
const outputOf = (t: StageTable, high: number, low: number, shift: number): number =>
  addressOf(outputHigh(high, low, t.highMask, t.topMask, t.topShift) & ~highOffset(-1, shift), shift >= 32 ? 0 : low & (-1 << shift));

/** Input bits from `shift` up. */
const indexOf = (high: number, low: number, shift: number, mask: number): number =>
  (shift >= 32 ? high >> (shift - 32) : (low >>> shift) | (high << (32 - shift))) & mask;

type HalvesMemory = Required<Pick<PhysicalMemory, "load64Halves">>;
const takesHalves = (memory: PhysicalMemory): memory is PhysicalMemory & HalvesMemory => memory.load64Halves !== undefined;
