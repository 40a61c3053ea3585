import type { ContextDescriptor } from "../context-descriptor/context-descriptor.ts";
import type { Ste } from "../stream-table/stream-table-entry.ts";
import type { Evicted, Exhausted } from "./tagged-cache.ts";

/** An L1CD as fetched. */
export interface L1Cd {
  valid: boolean;
  l2Ptr: number;
}

/**
 * STEs, CDs and L1CDs as fetched, valid or not (16.2, "may hold any fetched value"); a fetch that failed is not kept. A level-1 stream table descriptor is not cached at
 * all: Linux sends no CFGI for a new one (host-driver.md, section 3). Completion of CFGI is CMD_SYNC's matter; here an entry goes at once.
 * `capacity`: entries of each of the three kinds.
 */
export class ConfigurationCache {
  readonly capacity: number;
  /** Goes up when an entry has left: what was derived from entries earlier counts no more. */
  epoch = 0;
  readonly #stes: OfStreams<Ste>;
  readonly #cds: OfStreams<ContextDescriptor>;
  readonly #l1cds: OfStreams<L1Cd>;

  constructor(capacity: number, evicted: Evicted, exhausted?: Exhausted) {
    this.capacity = capacity;
    const left = () => void this.epoch++;
    this.#stes = new OfStreams(capacity, left, evicted, exhausted);
    this.#cds = new OfStreams(capacity, left, evicted, exhausted);
    this.#l1cds = new OfStreams(capacity, left, evicted, exhausted);
  }

  ste(sid: number): Ste | undefined {
    return this.#stes.get(sid, 0);
  }
  cd(sid: number, ssid: number): ContextDescriptor | undefined {
    return this.#cds.get(sid, ssid);
  }
  /** `first`: the first SubstreamID that the L1CD leads to. */
  l1cd(sid: number, first: number): L1Cd | undefined {
    return this.#l1cds.get(sid, first);
  }

  keepSte(sid: number, ste: Ste): void {
    this.#stes.keep(sid, 0, ste);
  }
  keepCd(sid: number, ssid: number, cd: ContextDescriptor): void {
    this.#cds.keep(sid, ssid, cd);
  }
  keepL1cd(sid: number, first: number, l1cd: L1Cd): void {
    this.#l1cds.keep(sid, first, l1cd);
  }

  /** CFGI_STE: the STE and all CDs and L1CDs of the stream. */
  invalidateSte(sid: number): void {
    this.#stes.deleteStream(sid);
    this.invalidateCds(sid);
  }
  /** CFGI_STE_RANGE: `same(sid)` says whether a stream is in the range. */
  invalidateSteRange(same: (sid: number) => boolean): void {
    for (const sid of new Set([...this.#stes.streams(), ...this.#cds.streams(), ...this.#l1cds.streams()])) if (same(sid)) this.invalidateSte(sid);
  }
  /** CFGI_CD; `leaf` false: the L1CD that leads to it as well. */
  invalidateCd(sid: number, ssid: number, leaf: boolean): void {
    this.#cds.delete(sid, ssid);
    if (leaf) return;
    // Which L1CD leads to the SSID depends on S1Fmt, 64 or 1024 CDs a leaf: keys carry the first SSID of the leaf.
    for (const first of [ssid - (ssid % 64), ssid - (ssid % 1024)]) this.#l1cds.delete(sid, first);
  }
  /** CFGI_CD_ALL. */
  invalidateCds(sid: number): void {
    this.#cds.deleteStream(sid);
    this.#l1cds.deleteStream(sid);
  }
  invalidateAll(): void {
    for (const cache of [this.#stes, this.#cds, this.#l1cds]) cache.clear();
  }
  get size(): { stes: number; cds: number; l1cds: number } {
    return { stes: this.#stes.size, cds: this.#cds.size, l1cds: this.#l1cds.size };
  }
  /** What is cached, oldest stream first. */
  entries(): { stes: [sid: number, ste: Ste][]; cds: [sid: number, ssid: number, cd: ContextDescriptor][]; l1cds: [sid: number, first: number, l1cd: L1Cd][] } {
    return { stes: [...this.#stes.all()].map(([sid, , ste]) => [sid, ste]), cds: [...this.#cds.all()], l1cds: [...this.#l1cds.all()] };
  }
}

/** Entries by StreamID and an index inside the stream, at most `capacity` of them. `left` is called after any of them has gone. */
class OfStreams<T> {
  readonly #capacity: number;
  readonly #left: () => void;
  readonly #evicted: Evicted;
  readonly #exhausted: Exhausted;
  readonly #streams = new Map<number, Map<number, T>>();
  #count = 0;

  constructor(capacity: number, left: () => void, evicted: Evicted, exhausted: Exhausted) {
    this.#capacity = capacity;
    this.#left = left;
    this.#evicted = evicted;
    this.#exhausted = exhausted;
  }

  get size(): number {
    return this.#count;
  }
  get(sid: number, index: number): T | undefined {
    return this.#streams.get(sid)?.get(index);
  }
  keep(sid: number, index: number, value: T): void {
    if (this.#capacity === 0 || (this.#count >= this.#capacity && !this.#makeRoom())) return;
    let entries = this.#streams.get(sid);
    if (!entries) this.#streams.set(sid, (entries = new Map()));
    if (!entries.has(index)) this.#count++;
    entries.set(index, value);
  }

  /** The oldest entry of the oldest stream goes. False: this cache never evicts. */
  #makeRoom(): boolean {
    if (this.#exhausted) {
      this.#exhausted();
      return false;
    }
    for (const [sid, entries] of this.#streams) {
      for (const index of entries.keys()) {
        this.delete(sid, index);
        this.#evicted({ sid: `0x${sid.toString(16)}`, ssid: index });
        return true;
      }
    }
    return true;
  }

  delete(sid: number, index: number): void {
    const entries = this.#streams.get(sid);
    if (!entries?.delete(index)) return;
    this.#count--;
    if (entries.size === 0) this.#streams.delete(sid);
    this.#left();
  }
  deleteStream(sid: number): void {
    this.#count -= this.#streams.get(sid)?.size ?? 0;
    if (this.#streams.delete(sid)) this.#left();
  }
  clear(): void {
    this.#streams.clear();
    this.#count = 0;
    this.#left();
  }
  streams(): Iterable<number> {
    return this.#streams.keys();
  }
  *all(): Generator<[sid: number, index: number, value: T]> {
    for (const [sid, entries] of this.#streams) for (const [index, value] of entries) yield [sid, index, value];
  }
}
