import { highHalf, lowHalf } from "../page-table-walk/address-halves.ts";
import { levelOf, levelShift } from "../page-table-walk/geometry.ts";
import type { StageTable } from "../page-table-walk/stage-table.ts";
import type { WalkPrefixes } from "../page-table-walk/stage-walk.ts";
import { asidSpace, idsOf, stage2Space } from "./address-space.ts";
import { type Evicted, type Exhausted, TaggedCache } from "./tagged-cache.ts";

/** A table descriptor as read: where the walk goes on for the 2^shift bytes that it covers. */
export interface WalkCacheEntry {
  /** log2 of the region; of all granules and levels no two have the same, so it says both. */
  shift: number;
  granule: number;
  /** Level of the descriptor. */
  level: number;
  /** The next table: PA at stage 2 and without stage 2, IPA in a nested stage 1, so that a change of stage 2 needs no invalidation here. */
  next: number;
  /** Hierarchical attributes of this level and those above it (TABLE_ATTRIBUTES). */
  attributes: number;
}

/**
 * The walk cache (16.2): table descriptors by prefix. Stage-1 prefixes are tagged with their ASID, global or not: whether a leaf is global is not known from its
 * tables. Invalidated by the TLBI_* that reach the tag; those by address only with Leaf = 0 (4.4.1). Off by default: capacity 0.
 */
export class WalkCache extends TaggedCache<WalkCacheEntry> {
  constructor(capacity: number, evicted: Evicted, exhausted?: Exhausted) {
    super(capacity, (space, input) => evicted(idsOf(space, input)), exhausted);
  }

  /** The cache as one stage-1 walk of `input` (tlbInput) sees it; undefined while it is off. */
  stage1(vmid: number, asid: number, input: number): WalkPrefixes | undefined {
    return this.#prefixes(asidSpace(vmid, asid), input);
  }
  stage2(vmid: number, ipa: number): WalkPrefixes | undefined {
    return this.#prefixes(stage2Space(vmid), ipa);
  }

  #prefixes(space: number, input: number): WalkPrefixes | undefined {
    if (this.capacity === 0) return undefined;
    const high = highHalf(input);
    const low = lowHalf(input);
    return {
      longest: (t: StageTable) => {
        for (let level = 2; level >= levelOf(t.granule, t.rootShift); level--) {
          const entry = this.findSized(space, high, low, levelShift(t.granule, level));
          if (entry) return entry;
        }
        return undefined;
      },
      keep: (t, level, next, attributes) => this.insert(space, high, low, { shift: levelShift(t.granule, level), granule: t.granule, level, next, attributes }),
    };
  }
}
