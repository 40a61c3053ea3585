/** A cached translation: stage 1, stage 2 or both combined. */
export interface TlbEntry {
  /** First output address of the region. */
  pa: number;
  /** First IPA of the region (combined entries), for the record of a stage-2 permission fault. */
  ipa: number;
  /** log2 of the region. */
  shift: number;
  /** Granule of the table it came from: range invalidations compare it. */
  granule: number;
  level: number;
  /** Permissions of each stage; 63 where the stage does not take part. */
  s1: number;
  s2: number;
  /** A write needs the hardware to mark the page dirty first: walk again. */
  s1Clean: boolean;
  s2Clean: boolean;
  /** S1 is in this translation (TLBI_S2_IPA does not reach it). */
  stage1: boolean;
}

/** Address spaces that entries are tagged with. Global entries live apart per ASET; a stage-2-only stream has the VMID alone. */
const GLOBAL = 0x10000;
const GLOBAL_PRIVATE = 0x10001;
const STAGE_2 = 0x10002;
const PER_VMID = 0x20000;
/** What stage-1 and combined entries are keyed by: VA[47:0] and which table; VA[55:48] all equal the table bit, so nothing is lost, and it is exact in a double. */
export const tlbInput = (va48: number, upper: boolean): number => va48 + (upper ? 2 ** 48 : 0);
/** Keys of a region inside a space: page number times 64 plus log2 of the size; exact in a double. */
const key = (input: number, shift: number): number => Math.floor(input / 2 ** shift) * 64 + shift;

/**
 * The TLB (3.8, 16.2): tagged by VMID and ASID, global or stage 2; StreamID is no tag. An entry stays until an invalidation names it or capacity evicts it: a missing
 * invalidation must show. Translation faults are never cached.
 */
export class Tlb {
  readonly capacity: number;
  #count = 0;
  readonly #spaces = new Map<number, Map<number, TlbEntry>>();
  /** How many entries there are of each log2 size, so that a lookup tries only sizes that exist. */
  readonly #sizes = new Int32Array(64);
  readonly #evicted: () => void;
  readonly #globalMatchesAnyAsid: boolean;

  /** `globalMatchesAnyAsid` false: entries with nG = 0 are tagged with their ASID like the others (permitted: a global entry need not be shared). */
  constructor(capacity: number, evicted: () => void, globalMatchesAnyAsid = true) {
    this.capacity = capacity;
    this.#evicted = evicted;
    this.#globalMatchesAnyAsid = globalMatchesAnyAsid;
  }

  get size(): number {
    return this.#count;
  }

  lookup(vmid: number, asid: number, aset: number, input: number): TlbEntry | undefined {
    return this.#find(vmid * PER_VMID + asid, input) ?? this.#find(vmid * PER_VMID + (aset ? GLOBAL_PRIVATE : GLOBAL), input);
  }
  lookupStage2(vmid: number, ipa: number): TlbEntry | undefined {
    return this.#find(vmid * PER_VMID + STAGE_2, ipa);
  }

  #find(space: number, input: number): TlbEntry | undefined {
    const entries = this.#spaces.get(space);
    if (!entries) return undefined;
    for (let shift = 12; shift < 52; shift++) {
      if (this.#sizes[shift] === 0) continue;
      const entry = entries.get(key(input, shift));
      if (entry) return entry;
    }
    return undefined;
  }

  insert(vmid: number, asid: number, aset: number, global: boolean, input: number, entry: TlbEntry): void {
    this.#insert(vmid * PER_VMID + (global && this.#globalMatchesAnyAsid ? (aset ? GLOBAL_PRIVATE : GLOBAL) : asid), input, entry);
  }
  insertStage2(vmid: number, ipa: number, entry: TlbEntry): void {
    this.#insert(vmid * PER_VMID + STAGE_2, ipa, entry);
  }

  #insert(space: number, input: number, entry: TlbEntry): void {
    if (this.capacity === 0) return;
    let entries = this.#spaces.get(space);
    if (!entries) this.#spaces.set(space, (entries = new Map()));
    const at = key(input, entry.shift);
    if (entries.delete(at)) this.#removed(entry.shift);
    else if (this.#count >= this.capacity) this.#evict();
    entries.set(at, entry);
    this.#count++;
    this.#sizes[entry.shift]++;
    if (!this.#spaces.has(space)) this.#spaces.set(space, entries); // the eviction may have emptied and dropped this very space
  }

  #removed(shift: number): void {
    this.#count--;
    this.#sizes[shift]--;
  }

  /** The oldest entry of the oldest space goes: an eviction is visible, a verdict names it. */
  #evict(): void {
    for (const [space, entries] of this.#spaces) {
      for (const [at, entry] of entries) {
        entries.delete(at);
        this.#removed(entry.shift);
        if (entries.size === 0) this.#spaces.delete(space);
        this.#evicted();
        return;
      }
    }
  }

  /** Removes the entries of the spaces and regions that match. */
  #invalidate(space: (space: number) => boolean, match?: (entry: TlbEntry, input: number) => boolean): void {
    for (const [id, entries] of this.#spaces) {
      if (!space(id)) continue;
      for (const [at, entry] of entries) {
        if (match && !match(entry, Math.floor(at / 64) * 2 ** entry.shift)) continue;
        entries.delete(at);
        this.#removed(entry.shift);
      }
      if (entries.size === 0) this.#spaces.delete(id);
    }
  }

  /** `vmidMask`: VMID bits that are compared (CR0.VMW). */
  invalidateAll(): void {
    this.#invalidate(() => true);
  }
  /** TLBI_NH_ALL: stage 1 and combined entries of the VMID, global ones too; stage-2 entries stay. */
  invalidateStage1(vmid: number, vmidMask: number): void {
    this.#invalidate((space) => sameVmid(space, vmid, vmidMask) && space % PER_VMID !== STAGE_2);
  }
  /** TLBI_NH_ASID: non-global entries. */
  invalidateAsid(vmid: number, vmidMask: number, asid: number): void {
    this.#invalidate((space) => sameVmid(space, vmid, vmidMask) && space % PER_VMID === asid);
  }
  /** TLBI_S12_VMALL. */
  invalidateVmid(vmid: number, vmidMask: number): void {
    this.#invalidate((space) => sameVmid(space, vmid, vmidMask));
  }
  /** TLBI_NH_VA and NH_VAA (asid null): entries that overlap the range, ASID or global. */
  invalidateVa(vmid: number, vmidMask: number, asid: number | null, match: RangeMatch): void {
    this.#invalidate((space) => {
      const kind = space % PER_VMID;
      return sameVmid(space, vmid, vmidMask) && kind !== STAGE_2 && (asid === null || kind === asid || kind === GLOBAL || kind === GLOBAL_PRIVATE);
    }, match);
  }
  /** TLBI_S2_IPA: stage-2-only entries; combined ones need not go (16.2) and do not. */
  invalidateIpa(vmid: number, vmidMask: number, match: RangeMatch): void {
    this.#invalidate((space) => sameVmid(space, vmid, vmidMask) && space % PER_VMID === STAGE_2, match);
  }

  /** All entries, for `info tlb`. */
  *entries(): Generator<{ vmid: number; space: number; input: number; entry: TlbEntry }> {
    for (const [space, entries] of this.#spaces) {
      for (const [at, entry] of entries) yield { vmid: Math.floor(space / PER_VMID), space: space % PER_VMID, input: Math.floor(at / 64) * 2 ** entry.shift, entry };
    }
  }
}

export type RangeMatch = (entry: TlbEntry, input: number) => boolean;
const sameVmid = (space: number, vmid: number, mask: number): boolean => ((Math.floor(space / PER_VMID) ^ vmid) & mask) === 0;
