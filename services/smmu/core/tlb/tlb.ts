import { PERM } from "../page-table-walk/permissions.ts";
import { asidSpace, globalSpace, idsOf, stage2Space } from "./address-space.ts";
import { ABSENT, type Direct, type Evicted, type Exhausted, type Match, TaggedCache } from "./tagged-cache.ts";

export { TABLE_BIT, tlbInput } from "./address-space.ts";

/** A cached translation: stage 1, stage 2 or both combined. */
export interface TlbEntry {
  /** First output address of the region. */
  pa: number;
  /** log2 of the region. */
  shift: number;
  /** Permissions of each stage; 63 where the stage does not take part. */
  s1: number;
  s2: number;
  /** A write needs the hardware to mark the page dirty first: walk again. */
  s1Clean: boolean;
  s2Clean: boolean;
  /** First IPA of the region (combined entries), for the record of a stage-2 permission fault. */
  ipa: number;
  /** log2 of the page or block that an invalidation by address names: stage 1's, which a smaller stage-2 page cuts into several entries. */
  blockShift: number;
  /** Granule of the table it came from: range invalidations compare it. */
  granule: number;
  level: number;
  /** S1 is in this translation (TLBI_S2_IPA does not reach it). */
  stage1: boolean;
}
export type RangeMatch = Match<TlbEntry>;

/** The TLB (3.8, 16.2): tagged by VMID and ASID, global or stage 2. Translation faults are never cached. */
export class Tlb extends TaggedCache<TlbEntry> {
  readonly #globalMatchesAnyAsid: boolean;

  /** `globalMatchesAnyAsid` false: entries with nG = 0 are tagged with their ASID like the others (permitted: a global entry need not be shared). */
  constructor(capacity: number, evicted: Evicted, globalMatchesAnyAsid = true, exhausted?: Exhausted) {
    super(capacity, (space, input) => evicted(idsOf(space, input)), exhausted);
    this.#globalMatchesAnyAsid = globalMatchesAnyAsid;
  }

  /** `high:low`: the input as it is keyed (tagged-cache.ts), in halves. */
  lookup(vmid: number, asid: number, aset: number, high: number, low: number): TlbEntry | undefined {
    return this.find(asidSpace(vmid, asid), high, low) ?? this.find(globalSpace(vmid, aset), high, low);
  }
  /** The output of an access that a cached translation lets through as it is; negative: `lookup` says why not. `need`: one bit of PERM (permissions.ts). */
  translates(vmid: number, asid: number, aset: number, high: number, low: number, need: number): number {
    const output = this.findDirect(asidSpace(vmid, asid), high, low, need);
    return output !== ABSENT ? output : this.findDirect(globalSpace(vmid, aset), high, low, need);
  }
  protected override direct({ pa, s1, s2, s1Clean, s2Clean }: TlbEntry): Direct {
    const writes = s1Clean || s2Clean ? ~(PERM.UW | PERM.PW) : -1;
    return { output: pa, permits: s1 & s2 & writes };
  }

  lookupStage2(vmid: number, high: number, low: number): TlbEntry | undefined {
    return this.find(stage2Space(vmid), high, low);
  }
  keep(vmid: number, asid: number, aset: number, global: boolean, high: number, low: number, entry: TlbEntry): void {
    this.insert(global && this.#globalMatchesAnyAsid ? globalSpace(vmid, aset) : asidSpace(vmid, asid), high, low, entry);
  }
  keepStage2(vmid: number, high: number, low: number, entry: TlbEntry): void {
    this.insert(stage2Space(vmid), high, low, entry);
  }
}
