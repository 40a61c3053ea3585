import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { type Fault, fault } from "../fault.ts";
import type { Identity } from "../identity.ts";
import type { WalkCache } from "../tlb/walk-cache.ts";
import { accessFlagFault, isWritableClean, needsUpdate, update } from "./access-flag-and-dirty-state.ts";
import { addressOf, exceeds } from "./address-halves.ts";
import { type Leaf, READABLE } from "./leaf.ts";
import { needed, stage2Permissions } from "./permissions.ts";
import type { StageTable } from "./stage-table.ts";
import { type DescriptorStage2, StageWalk, type WalkPrefixes } from "./stage-walk.ts";

/** Compare-and-swap against a CPU that keeps changing the descriptor is bounded; then the walk reports what it last saw. */
export const UPDATE_ATTEMPTS = 16;

const READ = needed(false, false, false);
const WRITE = needed(true, false, false);

/** Stage 2 with its checks (page-tables.md, sections 3, 4.3 and 4.4). What a translation found stands in `leaf`, `permissions` and `clean` until the next one. */
export class Stage2 implements DescriptorStage2 {
  readonly walk: StageWalk;
  readonly leaf: Leaf;
  permissions = 0;
  /** A write needs the hardware to mark the page dirty first. */
  clean = false;
  readonly #memory: PhysicalMemory;
  readonly #xnx: boolean;
  readonly #walks: WalkCache | undefined;
  readonly #cached: boolean;
  /** The stage 2 that descriptor addresses go through. */
  #table: StageTable | null = null;
  #vmid = 0;

  constructor(memory: PhysicalMemory, identity: Identity, walks: WalkCache | undefined) {
    this.walk = new StageWalk(memory);
    this.leaf = this.walk.leaf;
    this.#memory = memory;
    this.#xnx = identity.xnx;
    this.#walks = walks;
    this.#cached = walks !== undefined && walks.capacity > 0;
  }

  /**
   * Translates an IPA. `need`: the permission bit of the access; with `grant` (ATS) a missing one is no fault. `cls`: 0 CD, 1 descriptor, 2 the access itself. `mayDirty`: stage 1
   * lets a write through. Null: found. Faults carry S2 = 1, the class and the IPA.
   */
  translate(t: StageTable, vmid: number, high: number, low: number, write: boolean, need: number, grant: boolean, cls: 0 | 1 | 2, mayDirty: boolean): Fault | null {
    if (exceeds(high, low, t.inputBits)) return fault("F_TRANSLATION", { s2: true, class: cls, ipa: addressOf(high, low) });
    const prefixes = this.#cached ? this.#walks?.stage2(vmid, addressOf(high, low)) : undefined;
    return this.checked(t, high, low, write, need, grant, cls, mayDirty, prefixes, this.walk.walk(t, high, low, prefixes));
  }

  /** As `translate`, when the walk has been done: `leaf` is what it found, or it ended with the fault `first`. */
  checked(
    t: StageTable,
    high: number,
    low: number,
    write: boolean,
    need: number,
    grant: boolean,
    cls: 0 | 1 | 2,
    mayDirty: boolean,
    prefixes: WalkPrefixes | undefined,
    first: Fault | null,
  ): Fault | null {
    const { leaf } = this;
    let ended = first;
    for (let attempt = 0; ; attempt++) {
      const found = ended ?? accessFlagFault(t, leaf);
      if (found !== null) return { ...found, class: cls, ipa: addressOf(high, low) };
      this.clean = isWritableClean(t, leaf);
      this.permissions = stage2Permissions(leaf.low, leaf.high, this.#xnx, this.clean);
      const permitted = (this.permissions & need) !== 0;
      // S2PTW: MemAttr[3:2] = 0 is a Device type, MemAttr[2] = 0 with FWB (5.2; page-tables.md, section 4.4).
      const deviceTable = t.PTW && cls !== 2 && (leaf.low & t.deviceMask) === 0;
      if ((!grant && !permitted) || deviceTable) return fault("F_PERMISSION", { s2: true, class: cls, ipa: addressOf(high, low), ttRnW: write ? 0 : 1 });
      const dirty = write && permitted && mayDirty;
      if (needsUpdate(t, leaf, dirty) && attempt < UPDATE_ATTEMPTS) {
        if (update(this.#memory, t, leaf, dirty) === null) return fault("F_WALK_EABT", { s2: true, class: cls, fetchAddr: leaf.descriptor });
        ended = this.walk.walk(t, high, low, prefixes); // changed by us or by a CPU: see the descriptor as it is now
        continue;
      }
      return null;
    }
  }

  /** The address of a stage-1 descriptor (class 1) or a CD (class 0): a data read, or a write when the hardware updates the descriptor. */
  translateFetch(t: StageTable, vmid: number, high: number, low: number, write: boolean, cls: 0 | 1): Fault | null {
    return this.translate(t, vmid, high, low, write, write ? WRITE : READ, false, cls, true);
  }

  /** This stage 2 for the descriptors of one stage-1 walk. */
  ofDescriptors(t: StageTable, vmid: number): DescriptorStage2 {
    this.#table = t;
    this.#vmid = vmid;
    return this;
  }
  resolve(high: number, low: number): Fault | null {
    const t = this.#table as StageTable;
    if (this.#cached || t.PTW || exceeds(high, low, t.inputBits | 0)) return this.translateFetch(t, this.#vmid, high, low, false, 1);
    const ended = this.walk.walk(t, high, low);
    // Most descriptors: on a page that may be read and has its access flag, and then none of the checks has anything to say.
    if (ended === null && (this.leaf.low & READABLE) === READABLE) return null;
    return this.checked(t, high, low, false, READ, false, 1, true, undefined, ended);
  }
}
