import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Configuration, ConfigurationFetch, Stage1 } from "./configuration.ts";
import { type Access, type Fault, fault } from "./fault.ts";
import { type Identity, ias } from "./identity.ts";
import { accessFlagFault, isWritableClean, needsUpdate, update } from "./page-table-walk/access-flag-and-dirty-state.ts";
import { addressOf, exceeds, highHalf, highOffset, lowHalf, lowOffset } from "./page-table-walk/address-halves.ts";
import { levelOf } from "./page-table-walk/geometry.ts";
import type { Leaf } from "./page-table-walk/leaf.ts";
import { walkNestedPages } from "./page-table-walk/nested.ts";
import { allPermissions, needed, stage1Permissions } from "./page-table-walk/permissions.ts";
import { Stage2, UPDATE_ATTEMPTS } from "./page-table-walk/stage-2.ts";
import type { StageTable } from "./page-table-walk/stage-table.ts";
import { type DescriptorListener, StageWalk } from "./page-table-walk/stage-walk.ts";
import type { Ste } from "./stream-table/stream-table-entry.ts";
import { TABLE_BIT, type Tlb, type TlbEntry } from "./tlb/tlb.ts";
import type { WalkCache } from "./tlb/walk-cache.ts";

/** Where an access goes: `entry` says how far the translation reaches and what it permits. */
export interface Translated {
  pa: number;
  entry: TlbEntry;
}

/** log2 of the whole address space: an identity translation has no smaller region. */
const IDENTITY_SHIFT = 51;
const identityEntry = (): TlbEntry => ({
  pa: 0,
  shift: IDENTITY_SHIFT,
  s1: allPermissions,
  s2: allPermissions,
  s1Clean: false,
  s2Clean: false,
  ipa: 0,
  blockShift: IDENTITY_SHIFT,
  granule: 12,
  level: 0,
  stage1: false,
});

/** Stages 1 and 2 with the TLB in front (3.4, 3.8; order of faults 7.3.22). */
export class Translation {
  readonly #memory: PhysicalMemory;
  readonly #identity: Identity;
  readonly #tlb: Tlb;
  readonly #walks: WalkCache | undefined;
  readonly #fetch: ConfigurationFetch;
  readonly #walk: StageWalk;
  readonly #stage2: Stage2;
  /** The output of the last translation; its entry is made only for who asks and for a TLB that keeps it. */
  #pa = 0;
  #entry: TlbEntry | null = null;

  constructor(memory: PhysicalMemory, identity: Identity, tlb: Tlb, fetch: ConfigurationFetch, walks?: WalkCache) {
    this.#memory = memory;
    this.#identity = identity;
    this.#tlb = tlb;
    this.#walks = walks;
    this.#fetch = fetch;
    this.#walk = new StageWalk(memory);
    this.#stage2 = new Stage2(memory, identity, walks);
  }

  /** Told of every descriptor read. */
  set listen(listener: DescriptorListener | undefined) {
    this.#walk.listen = listener;
    this.#stage2.walk.listen = listener;
  }

  /** Configuration of a stream and substream; CD fetches of nested streams go through stage 2 as data reads. */
  configure(sid: number, ste: Ste, ssid: number | null): Configuration | Fault {
    return this.#fetch.substream(sid, ste, ssid, this.#translateCd);
  }
  readonly #translateCd = (ipa: number, s2: StageTable, ste: Ste): number | Fault =>
    this.#stage2.translateFetch(s2, ste.S2VMID, highHalf(ipa), lowHalf(ipa), false, 0) ?? this.#stage2.leaf.address;

  /**
   * Translates `hi:lo` for an access. With `grant` (ATS) permissions are not checked here: the entry says what is permitted, access-flag and dirty
   * state follow `access`. Faults of 7.3 by name.
   */
  translate(c: Configuration, hi: number, lo: number, access: Access, grant = false): Translated | Fault {
    return this.#translate(c, hi, lo | 0, access, grant, true) ?? { pa: this.#pa, entry: this.#entry as TlbEntry };
  }

  /** As `translate`, for a transaction: its PA alone. */
  address(c: Configuration, hi: number, lo: number, access: Access): number | Fault {
    return this.#translate(c, hi, lo | 0, access, false, false) ?? this.#pa;
  }

  #translate(c: Configuration, hi: number, lo: number, access: Access, grant: boolean, wantsEntry: boolean): Fault | null {
    const { stage1 } = c;
    if (stage1 === null) return this.#withoutStage1(c, hi, lo, access, grant);
    const upper = (hi & 0x0080_0000) !== 0; // VA[55] selects the table
    const table = upper ? stage1.upper : stage1.lower;
    if (table === null) return fault("F_TRANSLATION"); // EPDx
    const { inputBits } = table;
    // Range and TBI, before any fetch (page-tables.md, section 2): VA[63:inputBits] all equal VA[55], VA[63:56] not looked at with TBI.
    const sign = upper ? -1 : 0;
    const top = table.TBI ? 0x00f0_0000 : 0xfff0_0000;
    if (((hi ^ sign) & top) !== 0 || exceeds((hi ^ sign) & 0xf_ffff, lo ^ sign, inputBits)) return fault("F_TRANSLATION");
    if (table.E0PD && !access.priv) return fault("F_TRANSLATION");
    const inputHigh = (hi & 0xf_ffff) | (sign & TABLE_BIT);
    const { vmid } = c;
    const need = needed(access.write, access.priv, access.exec);
    if (this.#tlb.size === 0) return this.#walkStages(c, stage1, table, inputHigh, lo, access, need, grant, wantsEntry);
    if (!wantsEntry) {
      const output = this.#tlb.translates(vmid, stage1.ASID, stage1.ASET, inputHigh, lo, need);
      if (output >= 0) {
        this.#pa = output;
        return null;
      }
    }
    const hit = this.#tlb.lookup(vmid, stage1.ASID, stage1.ASET, inputHigh, lo);
    if (hit && !(access.write && (hit.s1Clean || hit.s2Clean) && (grant || ((hit.s1 & need) !== 0 && (hit.s2 & need) !== 0)))) {
      const offset = addressOf(highOffset(inputHigh, hit.shift), lowOffset(lo, hit.shift));
      if (!grant && (hit.s1 & need) === 0) return fault("F_PERMISSION");
      if (!grant && (hit.s2 & need) === 0) return fault("F_PERMISSION", { s2: true, ipa: hit.ipa + offset });
      this.#pa = hit.pa + offset;
      this.#entry = hit;
      return null;
    }
    return this.#walkStages(c, stage1, table, inputHigh, lo, access, need, grant, wantsEntry);
  }

  /** Both stages, or stage 1 alone, for an input that the TLB does not have. `inputHigh` and `lo`: as the TLB is keyed. */
  #walkStages(
    { s2, vmid }: Configuration,
    stage1: Stage1,
    t: StageTable,
    inputHigh: number,
    lo: number,
    access: Access,
    need: number,
    grant: boolean,
    wantsEntry: boolean,
  ): Fault | null {
    const { leaf } = this.#walk;
    const prefixes = this.#walks === undefined || this.#walks.capacity === 0 ? undefined : this.#walks.stage1(vmid, stage1.ASID, addressOf(inputHigh, lo));
    const offsetHigh = highOffset(inputHigh, t.inputBits);
    const offsetLow = lowOffset(lo, t.inputBits);
    const second = this.#stage2;
    const plain = prefixes === undefined && this.#walk.listen === undefined ? this.#memory.window : undefined;
    for (let attempt = 0; ; attempt++) {
      const both = s2 !== null && plain !== undefined && walkNestedPages(plain, t, s2, offsetHigh, offsetLow, leaf, second.leaf);
      const refusedWalk = both
        ? null
        : s2
          ? this.#walk.walkNested(t, offsetHigh, offsetLow, second.ofDescriptors(s2, vmid), prefixes)
          : this.#walk.walk(t, offsetHigh, offsetLow, prefixes);
      const found = refusedWalk ?? accessFlagFault(t, leaf);
      if (found !== null) return found;
      const clean = isWritableClean(t, leaf);
      const s1 = stage1Permissions(leaf.low, leaf.high, leaf.attributes, stage1, clean);
      const permitted = (s1 & need) !== 0;
      if (!grant && !permitted) return fault("F_PERMISSION");
      if (grant && (s1 & (access.priv ? 0o70 : 0o7)) === 0) {
        // Nothing is granted, so there is nothing that stage 2 would have to say, and nothing to keep.
        this.#pa = leaf.address;
        this.#entry = this.#combined(t, s1, clean, null, inputHigh, lo);
        return null;
      }
      if (s2 !== null) {
        const refused = both
          ? second.checked(s2, leaf.addressHigh, leaf.addressLow, access.write, need, grant, 2, permitted, undefined, null)
          : second.translate(s2, vmid, leaf.addressHigh, leaf.addressLow, access.write, need, grant, 2, permitted);
        if (refused !== null) return refused;
      }
      // Dirty state is never set speculatively: only where stage 2 lets the write through too (page-tables.md, section 6).
      const dirty = access.write && permitted && (s2 === null || (second.permissions & need) !== 0);
      if (needsUpdate(t, leaf, dirty) && attempt < UPDATE_ATTEMPTS) {
        const refused = s2 && second.translateFetch(s2, vmid, leaf.inputHigh, leaf.inputLow, true, 1);
        if (refused !== null) return refused;
        if (update(this.#memory, t, leaf, dirty) === null) return fault("F_WALK_EABT", { class: 1, fetchAddr: leaf.descriptor });
        continue; // changed by us or by a CPU: walk again and see the descriptor as it is now
      }
      const through = s2 && second;
      this.#pa = (through ?? this.#walk).leaf.address;
      if (wantsEntry || this.#tlb.capacity > 0) {
        this.#entry = this.#combined(t, s1, clean, through, inputHigh, lo);
        this.#tlb.keep(vmid, stage1.ASID, stage1.ASET, (leaf.low & 0x800) === 0, inputHigh, lo, this.#entry);
      }
      return null;
    }
  }

  /** The entry of the stage-1 leaf found last, combined with the stage-2 leaf. */
  #combined(t: StageTable, s1: number, s1Clean: boolean, second: Stage2 | null, inputHigh: number, lo: number): TlbEntry {
    const { leaf } = this.#walk;
    const shift = second === null ? leaf.shift : Math.min(leaf.shift, second.leaf.shift);
    const low = addressOf(highOffset(inputHigh, shift), lowOffset(lo, shift));
    return {
      pa: (second ?? this.#walk).leaf.address - low,
      shift,
      s1,
      s2: second ? second.permissions : allPermissions,
      s1Clean,
      s2Clean: second ? second.clean : false,
      ipa: second ? leaf.address - low : 0,
      blockShift: leaf.shift,
      granule: t.granule,
      level: levelOf(t.granule, leaf.shift),
      stage1: true,
    };
  }

  /** Stage 1 bypassed or absent: input is the IPA (Config 110, or S1DSS = 1), or the PA (Config 100, or Config 101 with S1DSS = 1). */
  #withoutStage1({ s2, vmid }: Configuration, hi: number, lo: number, access: Access, grant: boolean): Fault | null {
    if (exceeds(hi, lo, s2 ? ias(this.#identity) : this.#identity.oas)) return fault("F_ADDR_SIZE");
    const input = addressOf(hi, lo);
    if (s2 === null) {
      this.#pa = input;
      this.#entry = identityEntry();
      return null;
    }
    const need = needed(access.write, access.priv, access.exec);
    const hit = this.#tlb.lookupStage2(vmid, hi, lo);
    if (hit && !(access.write && hit.s2Clean && (grant || (hit.s2 & need) !== 0))) {
      if (!grant && (hit.s2 & need) === 0) return fault("F_PERMISSION", { s2: true, ipa: input });
      this.#pa = hit.pa + addressOf(highOffset(hi, hit.shift), lowOffset(lo, hit.shift));
      this.#entry = hit;
      return null;
    }
    const refused = this.#stage2.translate(s2, vmid, hi, lo, access.write, need, grant, 2, true);
    if (refused !== null) return refused;
    const { leaf, permissions, clean } = this.#stage2;
    this.#pa = leaf.address;
    this.#entry = this.#ofStage2(s2, leaf, permissions, clean, hi, lo);
    this.#tlb.keepStage2(vmid, hi, lo, this.#entry);
    return null;
  }

  #ofStage2(t: StageTable, leaf: Leaf, s2: number, s2Clean: boolean, hi: number, lo: number): TlbEntry {
    const low = addressOf(highOffset(hi, leaf.shift), lowOffset(lo, leaf.shift));
    return {
      pa: leaf.address - low,
      shift: leaf.shift,
      s1: allPermissions,
      s2,
      s1Clean: false,
      s2Clean,
      ipa: addressOf(hi, lo) - low,
      blockShift: leaf.shift,
      granule: t.granule,
      level: levelOf(t.granule, leaf.shift),
      stage1: false,
    };
  }
}
