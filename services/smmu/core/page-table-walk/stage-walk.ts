import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { type Fault, fault } from "../fault.ts";
import { addressOf, highHalf, lowHalf } from "./address-halves.ts";
import { levelOf, levelShift } from "./geometry.ts";
import { beyondOutput, endAt, indexOf, isTable, Leaf, outputHigh, outputOf } from "./leaf.ts";
import type { StageTable } from "./stage-table.ts";

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
 * The two loops below walk whatever is asked for; a nested walk of 4 KiB pages has a shorter way (nested.ts). `| 0` tells the compiler that a value is a 32-bit integer (it
 * carries fields and parameters as tagged values otherwise). `walk` is `#byLevels` without those who have something to say between two levels: nothing in its loop calls out,
 * and that halves its time.
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
    const { leaf } = this;
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
      if (!isTable(descriptorLow, shift, granule)) return endAt(leaf, t, inputHigh, inputLow, shift, addressHigh, addressLow, descriptorHigh, descriptorLow, attributes);
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
      if (!isTable(descriptorLow, shift, granule)) return endAt(leaf, t, inputHigh, inputLow, shift, addressHigh, addressLow, descriptorHigh, descriptorLow, attributes);
      addressHigh = outputHigh(descriptorHigh, descriptorLow, highMask, topMask, topShift);
      if ((addressHigh & beyondSize) !== 0) return beyondOutput(t);
      attributes |= descriptorHigh & tableAttributes;
      addressLow = descriptorLow & tableMask;
      if (prefixes !== undefined) prefixes.keep(t, levelOf(granule, shift), addressOf(addressHigh, addressLow), attributes);
      shift = (shift - granule + 3) | 0;
      addressLow |= indexOf(inputHigh, inputLow, shift, indexMask) << 3;
    }
  }
}

const aborted = (t: StageTable, high: number, low: number): Fault =>
  fault("F_WALK_EABT", { s2: t.stage === 2, class: t.stage === 2 ? 2 : 1, fetchAddr: addressOf(high, low) });

type HalvesMemory = Required<Pick<PhysicalMemory, "load64Halves">>;
const takesHalves = (memory: PhysicalMemory): memory is PhysicalMemory & HalvesMemory => memory.load64Halves !== undefined;
