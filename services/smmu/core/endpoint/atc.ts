/** One translation in the Address Translation Cache. */
export interface AtcEntry { address: number; shift: number; R: boolean; W: boolean; Exe: boolean }

const key = (address: bigint, shift: number): number => Number(address >> BigInt(shift)) * 64 + shift;
const space = (pasid: number | null, priv: boolean): number => (pasid === null ? 0 : 1 + pasid * 2 + Number(priv));

/** The function's Address Translation Cache (PCIe 10.2): tags {PASID or none, Priv, address}; capacity in entries, oldest first out. 0: nothing is kept. */
export class Atc {
  readonly #capacity: number;
  #count = 0;
  readonly #spaces = new Map<number, Map<number, AtcEntry>>();
  readonly #sizes = new Int32Array(64);

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#count;
  }

  lookup(pasid: number | null, priv: boolean, address: bigint): AtcEntry | undefined {
    const entries = this.#spaces.get(space(pasid, priv));
    if (!entries) return undefined;
    for (let shift = 12; shift < 52; shift++) {
      if (this.#sizes[shift] === 0) continue;
      const entry = entries.get(key(address, shift));
      if (entry) return entry;
    }
    return undefined;
  }

  fill(pasid: number | null, priv: boolean, address: bigint, entry: AtcEntry): void {
    if (this.#capacity === 0) return;
    const id = space(pasid, priv);
    const entries = this.#spaces.get(id) ?? new Map<number, AtcEntry>();
    this.#spaces.set(id, entries);
    const at = key(address, entry.shift);
    if (entries.delete(at)) this.#removed(entry.shift);
    else if (this.#count >= this.#capacity) this.#evict();
    entries.set(at, entry);
    this.#spaces.set(id, entries);
    this.#count++;
    this.#sizes[entry.shift]++;
  }

  #removed(shift: number): void {
    this.#count--;
    this.#sizes[shift]--;
  }

  #evict(): void {
    for (const [id, entries] of this.#spaces) {
      for (const [at, entry] of entries) {
        entries.delete(at);
        this.#removed(entry.shift);
        if (entries.size === 0) this.#spaces.delete(id);
        return;
      }
    }
  }

  /** PASID null without `global`: every matching entry, of all PASIDs and of none (PCIe 10.3.1); `global`: all PASIDs. Returns how many went. */
  invalidate(pasid: number | null, global: boolean, address: bigint, sizeBytes: bigint): number {
    const before = this.#count;
    for (const [id, entries] of this.#spaces) {
      const ofPasid = id === 0 ? null : Math.floor((id - 1) / 2);
      if (pasid !== null && (global ? ofPasid === null : ofPasid !== pasid)) continue;
      for (const [at, entry] of entries) {
        const start = BigInt(Math.floor(at / 64)) << BigInt(entry.shift);
        if (start >= address + sizeBytes || start + (1n << BigInt(entry.shift)) <= address) continue;
        entries.delete(at);
        this.#removed(entry.shift);
      }
      if (entries.size === 0) this.#spaces.delete(id);
    }
    return before - this.#count;
  }

  clear(): void {
    this.#spaces.clear();
    this.#sizes.fill(0);
    this.#count = 0;
  }
}
