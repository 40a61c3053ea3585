/** One translation in the Address Translation Cache: `address` of a region of 2^`shift` bytes. `U`: for untranslated requests only. */
export interface AtcEntry {
  address: number;
  shift: number;
  R: boolean;
  W: boolean;
  Exe: boolean;
  U: boolean;
}

const SHIFTS = 64;
/** {PASID or none, Priv, size} as one number: below 2^28. */
const bucketOf = (pasid: number | null, priv: boolean, shift: number): number => (pasid === null ? 0 : 1 + pasid * 2 + Number(priv)) * SHIFTS + shift;
const pasidOf = (bucket: number): number | null => (bucket < SHIFTS ? null : Math.floor((Math.floor(bucket / SHIFTS) - 1) / 2));
/** At most 52 bits, so exact. */
const regionOf = (address: bigint, shift: number): number => Number(address >> BigInt(shift));

/**
 * The function's Address Translation Cache (PCIe 10.2): tags {PASID or none, Priv, address}, no relation between Priv and non-Priv entries.
 * Capacity in entries; full: the oldest entry of the oldest {PASID, Priv, size} goes. 0: nothing is kept.
 */
export class Atc {
  readonly capacity: number;
  #count = 0;
  readonly #buckets = new Map<number, Map<number, AtcEntry>>();
  /** Entries of each size, and the sizes that exist, so that a lookup asks only for those. */
  readonly #ofShift = new Int32Array(SHIFTS);
  #shifts: number[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get size(): number {
    return this.#count;
  }

  lookup(pasid: number | null, priv: boolean, address: bigint): AtcEntry | undefined {
    for (const shift of this.#shifts) {
      const entry = this.#buckets.get(bucketOf(pasid, priv, shift))?.get(regionOf(address, shift));
      if (entry) return entry;
    }
    return undefined;
  }

  /** Keeps `entry` for the region around `address`; what overlapped it for that address, of whatever size, is replaced. */
  fill(pasid: number | null, priv: boolean, address: bigint, entry: AtcEntry): void {
    if (this.capacity === 0) return;
    for (const shift of this.#shifts) this.#remove(bucketOf(pasid, priv, shift), regionOf(address, shift));
    if (this.#count >= this.capacity) this.#evict();
    const id = bucketOf(pasid, priv, entry.shift);
    const bucket = this.#buckets.get(id) ?? new Map<number, AtcEntry>();
    this.#buckets.set(id, bucket);
    bucket.set(regionOf(address, entry.shift), entry);
    this.#count++;
    if (this.#ofShift[entry.shift]++ === 0) this.#sized();
  }

  #remove(id: number, region: number): void {
    const bucket = this.#buckets.get(id);
    if (!bucket?.delete(region)) return;
    if (bucket.size === 0) this.#buckets.delete(id);
    this.#count--;
    if (--this.#ofShift[id % SHIFTS] === 0) this.#sized();
  }

  /** The first entry of a size came, or the last one went. */
  #sized(): void {
    this.#shifts = [...this.#ofShift.keys()].filter((shift) => this.#ofShift[shift] > 0); // smallest first, as lookups have always asked
  }

  #evict(): void {
    for (const [id, bucket] of this.#buckets) {
      for (const region of bucket.keys()) return this.#remove(id, region);
    }
  }

  /** PASID null: every matching entry, of all PASIDs and of none; `global` with a PASID: all PASIDs (PCIe 10.3.1). Returns how many went. */
  invalidate(pasid: number | null, global: boolean, address: bigint, sizeBytes: bigint): number {
    const before = this.#count;
    for (const [id, bucket] of this.#buckets) {
      const ofPasid = pasidOf(id);
      if (pasid !== null && (global ? ofPasid === null : ofPasid !== pasid)) continue;
      const shift = id % SHIFTS;
      // One region, the usual case, is looked up; a larger span is compared with what is there.
      if (sizeBytes <= 1n << BigInt(shift)) this.#remove(id, regionOf(address, shift));
      else {
        const first = regionOf(address, shift);
        const end = Number((address + sizeBytes) >> BigInt(shift));
        for (const region of bucket.keys()) if (region >= first && region < end) this.#remove(id, region);
      }
    }
    return before - this.#count;
  }

  /** All entries, for `info atc`. */
  *entries(): Generator<{ pasid: number | null; priv: boolean; address: number; entry: AtcEntry }> {
    for (const [id, bucket] of this.#buckets) {
      const pasid = pasidOf(id);
      const priv = pasid !== null && (Math.floor(id / SHIFTS) - 1) % 2 === 1;
      for (const [region, entry] of bucket) yield { pasid, priv, address: region * 2 ** entry.shift, entry };
    }
  }

  clear(): void {
    this.#buckets.clear();
    this.#ofShift.fill(0);
    this.#shifts = [];
    this.#count = 0;
  }
}
