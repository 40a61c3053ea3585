import type { TraceIds } from "@faultline/shared/trace/tracer.ts";

/**
 * Address spaces that entries are tagged with: VMID, and inside it an ASID, or one of three that are no ASID. Global entries live apart per ASET; a stage-2
 * entry has the VMID alone. StreamID and SubstreamID are no tags (16.2).
 */
const GLOBAL = 0x10000;
const GLOBAL_PRIVATE = 0x10001;
const STAGE_2 = 0x10002;
const PER_VMID = 0x20000;
export const asidSpace = (vmid: number, asid: number): number => vmid * PER_VMID + asid;
export const globalSpace = (vmid: number, aset: number): number => vmid * PER_VMID + (aset ? GLOBAL_PRIVATE : GLOBAL);
export const stage2Space = (vmid: number): number => vmid * PER_VMID + STAGE_2;
export const vmidOf = (space: number): number => Math.floor(space / PER_VMID);

/** What stage-1 and combined entries are keyed by: VA[47:0] and which table; VA[55:48] all equal the table bit, so nothing is lost, and it is exact in a double. */
export const tlbInput = (va48: number, upper: boolean): number => va48 + (upper ? 2 ** 48 : 0);
/** Keys of a region inside a space: region number times 64 plus log2 of the size; exact in a double. */
const key = (input: number, shift: number): number => Math.floor(input / 2 ** shift) * 64 + shift;

/** Says of a space whether a command reaches it; `mask`: VMID bits that are compared (CR0.VMW). */
export type Scope = (space: number) => boolean;
const ofVmid = (space: number, vmid: number, mask: number): boolean => ((vmidOf(space) ^ vmid) & mask) === 0;
/** What each CMD_TLBI_* reaches (4.4; spec/smmuv3.md, 4.4): nothing more, so that a missing invalidation shows. */
export const scope = {
  /** TLBI_NSNH_ALL. */
  everything: (): Scope => () => true,
  /** TLBI_S12_VMALL. */
  vmid:
    (vmid: number, mask: number): Scope =>
    (space) =>
      ofVmid(space, vmid, mask),
  /** TLBI_NH_ALL: stage 1 and combined, global entries too; pure stage-2 entries stay. */
  stage1:
    (vmid: number, mask: number): Scope =>
    (space) =>
      ofVmid(space, vmid, mask) && space % PER_VMID !== STAGE_2,
  /** TLBI_NH_ASID: non-global entries. */
  asid:
    (vmid: number, mask: number, asid: number): Scope =>
    (space) =>
      ofVmid(space, vmid, mask) && space % PER_VMID === asid,
  /** TLBI_NH_VA, and NH_VAA (`asid` null): ASID or global. */
  va:
    (vmid: number, mask: number, asid: number | null): Scope =>
    (space) => {
      const kind = space % PER_VMID;
      return ofVmid(space, vmid, mask) && kind !== STAGE_2 && (asid === null || kind === asid || kind === GLOBAL || kind === GLOBAL_PRIVATE);
    },
  /** TLBI_S2_IPA: stage-2-only entries; combined ones need not go (16.2) and do not. */
  ipa:
    (vmid: number, mask: number): Scope =>
    (space) =>
      ofVmid(space, vmid, mask) && space % PER_VMID === STAGE_2,
};

/** An entry covers 2^shift bytes of input. */
export interface Tagged {
  shift: number;
}
/** `input`: first input address of the entry's region. */
export type Match<E> = (entry: E, input: number) => boolean;

/** Told of an entry that a full cache dropped although no invalidation named it. */
export type Evicted = (ids: TraceIds) => void;
/** Set: nothing is ever evicted; the entry too many is not kept, and this is told of it. */
export type Exhausted = (() => void) | undefined;

/** Entries by tag and region; one stays until an invalidation names it or capacity evicts it. */
export class TaggedCache<E extends Tagged> {
  readonly capacity: number;
  #count = 0;
  readonly #spaces = new Map<number, Map<number, E>>();
  /** How many entries there are of each log2 size, so that a lookup tries only sizes that exist. */
  readonly #sizes = new Int32Array(64);
  readonly #evicted: Evicted;
  readonly #exhausted: Exhausted;

  constructor(capacity: number, evicted: Evicted, exhausted?: Exhausted) {
    this.capacity = capacity;
    this.#evicted = evicted;
    this.#exhausted = exhausted;
  }

  get size(): number {
    return this.#count;
  }

  /** The smallest region of `space` that holds `input`. */
  find(space: number, input: number): E | undefined {
    const entries = this.#spaces.get(space);
    if (!entries) return undefined;
    for (let shift = 12; shift < 52; shift++) {
      if (this.#sizes[shift] === 0) continue;
      const entry = entries.get(key(input, shift));
      if (entry) return entry;
    }
    return undefined;
  }
  /** The region of exactly 2^shift bytes. */
  findSized(space: number, input: number, shift: number): E | undefined {
    return this.#sizes[shift] === 0 ? undefined : this.#spaces.get(space)?.get(key(input, shift));
  }

  insert(space: number, input: number, entry: E): void {
    if (this.capacity === 0) return;
    const at = key(input, entry.shift);
    if (this.#spaces.get(space)?.delete(at)) this.#removed(entry.shift);
    else if (this.#count >= this.capacity && !this.#makeRoom()) return;
    let entries = this.#spaces.get(space);
    if (!entries) this.#spaces.set(space, (entries = new Map()));
    entries.set(at, entry);
    this.#count++;
    this.#sizes[entry.shift]++;
  }

  #removed(shift: number): void {
    this.#count--;
    this.#sizes[shift]--;
  }

  /** The oldest entry of the oldest space goes. False: this cache never evicts. */
  #makeRoom(): boolean {
    if (this.#exhausted) {
      this.#exhausted();
      return false;
    }
    for (const [space, entries] of this.#spaces) {
      for (const [at, entry] of entries) {
        entries.delete(at);
        this.#removed(entry.shift);
        if (entries.size === 0) this.#spaces.delete(space);
        this.#evicted(idsOf(space, Math.floor(at / 64) * 2 ** entry.shift));
        return true;
      }
    }
    return true;
  }

  /** Removes the entries of the spaces and regions that match. */
  invalidate(reaches: Scope, match?: Match<E>): void {
    for (const [space, entries] of this.#spaces) {
      if (!reaches(space)) continue;
      for (const [at, entry] of entries) {
        if (match && !match(entry, Math.floor(at / 64) * 2 ** entry.shift)) continue;
        entries.delete(at);
        this.#removed(entry.shift);
      }
      if (entries.size === 0) this.#spaces.delete(space);
    }
  }
  invalidateAll(): void {
    this.#spaces.clear();
    this.#sizes.fill(0);
    this.#count = 0;
  }

  /** All entries, oldest space first. `space`: an ASID, or a number above 0xffff for global and stage-2 entries. */
  *entries(): Generator<{ vmid: number; space: number; input: number; entry: E }> {
    for (const [space, entries] of this.#spaces) {
      for (const [at, entry] of entries) yield { vmid: vmidOf(space), space: space % PER_VMID, input: Math.floor(at / 64) * 2 ** entry.shift, entry };
    }
  }
}

/** Tags of an entry under their trace names: a stage-2 entry has an IPA, a global one no ASID. */
function idsOf(space: number, input: number): TraceIds {
  const kind = space % PER_VMID;
  const vmid = vmidOf(space);
  const address = `0x${input.toString(16)}`;
  if (kind === STAGE_2) return { vmid, ipa: address };
  return { vmid, asid: kind < GLOBAL ? kind : undefined, iova: address };
}
