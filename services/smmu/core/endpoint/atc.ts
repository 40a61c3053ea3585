import { type Direct, TaggedCache } from "../tlb/tagged-cache.ts";

/** One translation in the Address Translation Cache: `address` of a region of 2^`shift` bytes. `U`: for untranslated requests only. */
export interface AtcEntry {
  address: number;
  shift: number;
  R: boolean;
  W: boolean;
  Exe: boolean;
  U: boolean;
}

const READ = 1;
const WRITE = 2;

/** What hits ask for directly: where a translated request may go. */
class Entries extends TaggedCache<AtcEntry> {
  protected override direct({ address, R, W, U }: AtcEntry): Direct {
    return { output: address, permits: U ? 0 : (R ? READ : 0) | (W ? WRITE : 0) };
  }
}

/** {PASID or none, Priv} as one number. */
const spaceOf = (pasid: number | null, priv: boolean): number => (pasid === null ? 0 : 1 + pasid * 2 + (priv ? 1 : 0));
const pasidOf = (space: number): number | null => (space === 0 ? null : Math.floor((space - 1) / 2));
const isPrivileged = (space: number): boolean => space !== 0 && (space - 1) % 2 === 1;

/** An address in halves, and the other way round, without arithmetic on a BigInt. */
const doubleword = new BigUint64Array(1);
const halves = new Int32Array(doubleword.buffer);

/**
 * The function's Address Translation Cache (PCIe 10.2): tags {PASID or none, Priv, address}, no relation between Priv and non-Priv entries.
 * Capacity in entries; full: the oldest entry of the oldest {PASID, Priv} goes. 0: nothing is kept.
 */
export class Atc {
  readonly capacity: number;
  readonly #entries: Entries;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#entries = new Entries(capacity, () => {});
  }

  get size(): number {
    return this.#entries.size;
  }

  lookup(pasid: number | null, priv: boolean, address: bigint): AtcEntry | undefined {
    doubleword[0] = address;
    return this.#entries.find(spaceOf(pasid, priv), halves[1], halves[0]);
  }

  /** The translated address of an access that the ATC permits; null: `lookup` says why not. */
  translated(pasid: number | null, priv: boolean, address: bigint, write: boolean): bigint | null {
    doubleword[0] = address;
    const output = this.#entries.findDirect(spaceOf(pasid, priv), halves[1], halves[0], write ? WRITE : READ);
    if (output < 0) return null;
    halves[0] = output | 0;
    halves[1] = output / 2 ** 32;
    return doubleword[0];
  }

  /** Keeps `entry` for the region around `address`; what overlapped it for that address, of whatever size, is replaced. */
  fill(pasid: number | null, priv: boolean, address: bigint, entry: AtcEntry): void {
    if (this.capacity === 0) return;
    doubleword[0] = address;
    const space = spaceOf(pasid, priv);
    this.#entries.remove(space, halves[1], halves[0]);
    this.#entries.insert(space, halves[1], halves[0], entry);
  }

  /** PASID null: every matching entry, of all PASIDs and of none; `global` with a PASID: all PASIDs (PCIe 10.3.1). Returns how many went. */
  invalidate(pasid: number | null, global: boolean, address: bigint, sizeBytes: bigint): number {
    const before = this.size;
    const ofPasid = pasid !== null && !global ? [spaceOf(pasid, false), spaceOf(pasid, true)] : null;
    const reaches = (space: number): boolean => (ofPasid ? ofPasid.includes(space) : pasid === null || pasidOf(space) !== null);
    if (sizeBytes <= 4096n) {
      // One page, the usual case, is looked up; a larger span is compared with what is there.
      doubleword[0] = address;
      const [low, high] = halves;
      for (const space of ofPasid ?? [...this.#entries.spaces()].filter(reaches)) this.#entries.remove(space, high, low);
    } else {
      const first = Number(address);
      const end = Number(address + sizeBytes);
      const everything = sizeBytes >= 2n ** 64n;
      this.#entries.invalidate(reaches, everything ? undefined : ({ shift }, input) => input < end && input + 2 ** shift > first);
    }
    return before - this.size;
  }

  /** All entries, for `info atc`. */
  *entries(): Generator<{ pasid: number | null; priv: boolean; address: number; entry: AtcEntry }> {
    for (const { space, input, entry } of this.#entries.all()) yield { pasid: pasidOf(space), priv: isPrivileged(space), address: input, entry };
  }

  clear(): void {
    this.#entries.invalidateAll();
  }
}
