import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Configuration, ConfigurationFetch } from "./configuration.ts";
import type { ContextDescriptor } from "./context-descriptor/context-descriptor.ts";
import { type Access, type Fault, fault, isFault } from "./fault.ts";
import { type Identity, ias } from "./identity.ts";
import { accessFlagFault, isWritableClean, needsUpdate, update } from "./page-table-walk/access-flag-and-dirty-state.ts";
import { allPermissions, needed, stage1Permissions, stage2Permissions } from "./page-table-walk/permissions.ts";
import { type DescriptorListener, type Leaf, type StageTable, walkStage } from "./page-table-walk/stage-walk.ts";
import type { Ste } from "./stream-table/stream-table-entry.ts";
import { type Tlb, type TlbEntry, tlbInput } from "./tlb/tlb.ts";
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
  ipa: 0,
  shift: IDENTITY_SHIFT,
  blockShift: IDENTITY_SHIFT,
  granule: 12,
  level: 0,
  s1: allPermissions,
  s2: allPermissions,
  s1Clean: false,
  s2Clean: false,
  stage1: false,
});

const identityAddress = (address: number): number => address;

/** Compare-and-swap against a CPU that keeps changing the descriptor is bounded; then the walk reports what it last saw. */
const UPDATE_ATTEMPTS = 16;

/** Stages 1 and 2 with the TLB in front (3.4, 3.8; order of faults 7.3.22). */
export class Translation {
  readonly #memory: PhysicalMemory;
  readonly #identity: Identity;
  readonly #tlb: Tlb;
  readonly #walks: WalkCache | undefined;
  readonly #fetch: ConfigurationFetch;
  /** Told of every descriptor read. */
  listen: DescriptorListener | undefined;

  constructor(memory: PhysicalMemory, identity: Identity, tlb: Tlb, fetch: ConfigurationFetch, walks?: WalkCache) {
    this.#memory = memory;
    this.#identity = identity;
    this.#tlb = tlb;
    this.#walks = walks;
    this.#fetch = fetch;
  }

  /** Configuration of a stream and substream; CD fetches of nested streams go through stage 2 as data reads. */
  configure(sid: number, ste: Ste, ssid: number | null): Configuration | Fault {
    return this.#fetch.substream(sid, ste, ssid, (ipa, s2) => this.#stage2Address(s2, ste.S2VMID, ipa, false, 0));
  }

  /**
   * Translates `hi:lo` for an access. With `grant` (ATS) permissions are not checked here: the entry says what is permitted, access-flag and dirty
   * state follow `access`. Faults of 7.3 by name.
   */
  translate(c: Configuration, hi: number, lo: number, access: Access, grant = false): Translated | Fault {
    const { cd, ste } = c;
    if (!cd) return this.#withoutStage1(c, hi, lo, access, grant);
    const upper = (hi & 0x0080_0000) !== 0; // VA[55] selects the table
    if (upper ? cd.EPD1 : cd.EPD0) return fault("F_TRANSLATION");
    const table = this.#fetch.stage1(cd, upper);
    // Range and TBI, before any fetch (page-tables.md, section 2): VA[63:inputBits] all equal VA[55], VA[63:56] not looked at with TBI.
    const tbi = upper ? cd.TBI1 : cd.TBI0;
    const top = tbi ? (hi & 0x00ff_0000) | (upper ? 0xff00_0000 : 0) : hi & 0xffff_0000;
    if (top >>> 16 !== (upper ? 0xffff : 0)) return fault("F_TRANSLATION");
    const va48 = (hi & 0xffff) * 2 ** 32 + lo;
    if (Math.floor(va48 / 2 ** table.inputBits) !== (upper ? 2 ** (48 - table.inputBits) - 1 : 0)) return fault("F_TRANSLATION");
    const input = tlbInput(va48, upper);
    const vmid = this.#identity.s2p ? ste.S2VMID : 0;
    const need = needed(access.write, access.priv, access.exec);
    const hit = this.#tlb.lookup(vmid, cd.ASID, cd.ASET, input);
    if (hit && !(access.write && (hit.s1Clean || hit.s2Clean) && (grant || ((hit.s1 & need) !== 0 && (hit.s2 & need) !== 0)))) {
      if (!grant && (hit.s1 & need) === 0) return fault("F_PERMISSION");
      if (!grant && (hit.s2 & need) === 0) return fault("F_PERMISSION", { s2: true, ipa: hit.ipa + (input % 2 ** hit.shift) });
      return { pa: hit.pa + (input % 2 ** hit.shift), entry: hit };
    }
    return this.#walk(c, cd, table, va48 % 2 ** table.inputBits, input, vmid, access, need, grant);
  }

  #walk(
    c: Configuration,
    cd: ContextDescriptor,
    t: StageTable,
    offset: number,
    input: number,
    vmid: number,
    access: Access,
    need: number,
    grant: boolean,
  ): Translated | Fault {
    const { s2 } = c;
    const resolve = (ipa: number, write = false) => (s2 ? this.#stage2Address(s2, vmid, ipa, write, 1) : ipa);
    const prefixes = this.#walks?.stage1(vmid, cd.ASID, input);
    for (let attempt = 0; ; attempt++) {
      const leaf = walkStage(this.#memory, t, offset, resolve, this.listen, prefixes);
      if (isFault(leaf)) return leaf;
      const af = accessFlagFault(t, leaf);
      if (af) return af;
      const clean = isWritableClean(t, leaf);
      const s1 = stage1Permissions(leaf.low, leaf.high, leaf.table, cd, clean);
      const permitted = (s1 & need) !== 0;
      if (!grant && !permitted) return fault("F_PERMISSION");
      const grantsNothing = grant && (s1 & (access.priv ? 0o70 : 0o7)) === 0;
      if (grantsNothing) return { pa: leaf.address, entry: this.#entry(t, leaf, s1, clean, null, input) };
      const second = s2 ? this.#stage2Leaf(s2, vmid, leaf.address, access, grant, 2, permitted) : null;
      if (isFault(second)) return second;
      // Dirty state is never set speculatively: only where stage 2 lets the write through too (page-tables.md, section 6).
      const dirty = access.write && permitted && (!second || (second.s2 & need) !== 0);
      if (needsUpdate(t, leaf, dirty) && attempt < UPDATE_ATTEMPTS) {
        const written = resolve(leaf.descriptorInput, true);
        if (isFault(written)) return written;
        if (update(this.#memory, t, leaf, dirty) === null) return fault("F_WALK_EABT", { class: 1, fetchAddr: leaf.descriptor });
        continue; // changed by us or by a CPU: walk again and see the descriptor as it is now
      }
      if (!second) return this.#keep(cd, input, vmid, leaf, this.#entry(t, leaf, s1, clean, null, input));
      return this.#keep(cd, input, vmid, { ...leaf, address: second.leaf.address }, this.#entry(t, leaf, s1, clean, second, input));
    }
  }

  #entry(t: StageTable, leaf: Leaf, s1: number, s1Clean: boolean, second: { leaf: Leaf; s2: number; clean: boolean } | null, input: number): TlbEntry {
    const shift = Math.min(leaf.shift, second?.leaf.shift ?? 63);
    const low = input % 2 ** shift;
    return {
      pa: (second?.leaf.address ?? leaf.address) - low,
      ipa: second ? leaf.address - low : 0,
      shift,
      blockShift: leaf.shift,
      granule: t.granule,
      level: leaf.level,
      s1,
      s2: second?.s2 ?? allPermissions,
      s1Clean,
      s2Clean: second?.clean ?? false,
      stage1: true,
    };
  }

  #keep(cd: ContextDescriptor, input: number, vmid: number, leaf: Leaf, entry: TlbEntry): Translated {
    this.#tlb.keep(vmid, cd.ASID, cd.ASET, (leaf.low & 0x800) === 0, input, entry);
    return { pa: entry.pa + (input % 2 ** entry.shift), entry };
  }

  /** Stage 1 bypassed or absent: input is the IPA (Config 110, or S1DSS = 1), or the PA (Config 100, or Config 101 with S1DSS = 1). */
  #withoutStage1(c: Configuration, hi: number, lo: number, access: Access, grant: boolean): Translated | Fault {
    const input = hi * 2 ** 32 + lo;
    const limit = c.s2 ? ias(this.#identity) : this.#identity.oas;
    if (hi >>> 0 >= 2 ** Math.max(limit - 32, 0)) return fault("F_ADDR_SIZE");
    if (!c.s2) return { pa: input, entry: identityEntry() };
    const need = needed(access.write, access.priv, access.exec);
    const vmid = c.ste.S2VMID;
    const hit = this.#tlb.lookupStage2(vmid, input);
    if (hit && !(access.write && hit.s2Clean && (grant || (hit.s2 & need) !== 0))) {
      if (!grant && (hit.s2 & need) === 0) return fault("F_PERMISSION", { s2: true, ipa: input });
      return { pa: hit.pa + (input % 2 ** hit.shift), entry: hit };
    }
    const found = this.#stage2Leaf(c.s2, vmid, input, access, grant, 2, true);
    if (isFault(found)) return found;
    const { leaf } = found;
    const low = input % 2 ** leaf.shift;
    const entry: TlbEntry = {
      pa: leaf.address - low,
      ipa: input - low,
      shift: leaf.shift,
      blockShift: leaf.shift,
      granule: c.s2.granule,
      level: leaf.level,
      s1: allPermissions,
      s2: found.s2,
      s1Clean: false,
      s2Clean: found.clean,
      stage1: false,
    };
    this.#tlb.keepStage2(vmid, input, entry);
    return { pa: leaf.address, entry };
  }

  /** Stage 2 of an IPA for the access itself (class 2). Faults carry S2 = 1, the class and the IPA. */
  #stage2Leaf(
    t: StageTable,
    vmid: number,
    ipa: number,
    access: Access,
    grant: boolean,
    cls: 0 | 1 | 2,
    mayDirty: boolean,
  ): { leaf: Leaf; s2: number; clean: boolean } | Fault {
    if (ipa >= 2 ** t.inputBits) return fault("F_TRANSLATION", { s2: true, class: cls, ipa });
    const need = needed(access.write, access.priv, access.exec);
    const prefixes = this.#walks?.stage2(vmid, ipa);
    for (let attempt = 0; ; attempt++) {
      const leaf = walkStage(this.#memory, t, ipa, identityAddress, this.listen, prefixes);
      if (isFault(leaf)) return { ...leaf, class: cls, ipa };
      const af = accessFlagFault(t, leaf);
      if (af) return { ...af, class: cls, ipa };
      const clean = isWritableClean(t, leaf);
      const s2 = stage2Permissions(leaf.low, leaf.high, this.#identity.xnx, clean);
      const permitted = (s2 & need) !== 0;
      // S2PTW: MemAttr[3:2] = 0 is a Device type (5.2; page-tables.md, section 4.4).
      const deviceTable = t.PTW && cls !== 2 && (leaf.low & 0x30) === 0;
      if ((!grant && !permitted) || deviceTable) return fault("F_PERMISSION", { s2: true, class: cls, ipa, ttRnW: access.write ? 0 : 1 });
      const write = access.write && permitted && mayDirty;
      if (needsUpdate(t, leaf, write) && attempt < UPDATE_ATTEMPTS) {
        if (update(this.#memory, t, leaf, write) === null) return fault("F_WALK_EABT", { s2: true, class: cls, fetchAddr: leaf.descriptor });
        continue;
      }
      return { leaf, s2, clean };
    }
  }

  /** Stage 2 of the address of a stage-1 descriptor (class 1) or a CD (class 0): a data read, or a write when the hardware updates the descriptor. */
  #stage2Address(t: StageTable, vmid: number, ipa: number, write: boolean, cls: 0 | 1): number | Fault {
    const found = this.#stage2Leaf(t, vmid, ipa, { write, priv: false, exec: false }, false, cls, true);
    return isFault(found) ? found : found.leaf.address;
  }
}
