import type { ContextDescriptor } from "../context-descriptor/context-descriptor.ts";
import type { Ste } from "../stream-table/stream-table-entry.ts";

/** An L1CD as fetched. */
export interface L1Cd {
  valid: boolean;
  l2Ptr: number;
}

/**
 * STEs, CDs and L1CDs as fetched, valid or not (16.2, "may hold any fetched value"); a fetch that failed is not kept. A level-1 stream table descriptor is not cached at
 * all: Linux sends no CFGI for a new one (host-driver.md, section 3). Completion of CFGI is CMD_SYNC's matter; here an entry goes at once.
 */
export class ConfigurationCache {
  readonly #capacity: number;
  readonly #stes = new Map<number, Ste>();
  readonly #cds = new Map<number, Map<number, ContextDescriptor>>();
  readonly #l1cds = new Map<number, Map<number, L1Cd>>();
  readonly #evicted: () => void;

  constructor(capacity: number, evicted: () => void) {
    this.#capacity = capacity;
    this.#evicted = evicted;
  }

  ste(sid: number): Ste | undefined {
    return this.#stes.get(sid);
  }
  cd(sid: number, ssid: number): ContextDescriptor | undefined {
    return this.#cds.get(sid)?.get(ssid);
  }
  l1cd(sid: number, index: number): L1Cd | undefined {
    return this.#l1cds.get(sid)?.get(index);
  }

  keepSte(sid: number, ste: Ste): void {
    if (this.#capacity === 0) return;
    this.#makeRoom(this.#stes);
    this.#stes.set(sid, ste);
  }
  keepCd(sid: number, ssid: number, cd: ContextDescriptor): void {
    this.#keep(this.#cds, sid, ssid, cd);
  }
  keepL1cd(sid: number, index: number, l1cd: L1Cd): void {
    this.#keep(this.#l1cds, sid, index, l1cd);
  }

  #keep<T>(cache: Map<number, Map<number, T>>, sid: number, index: number, value: T): void {
    if (this.#capacity === 0) return;
    let ofStream = cache.get(sid);
    if (!ofStream) cache.set(sid, (ofStream = new Map()));
    this.#makeRoom(ofStream);
    ofStream.set(index, value);
  }

  #makeRoom<T>(entries: Map<number, T>): void {
    if (entries.size < this.#capacity) return;
    entries.delete(entries.keys().next().value as number);
    this.#evicted();
  }

  /** CFGI_STE: the STE and all CDs and L1CDs of the stream. */
  invalidateSte(sid: number): void {
    this.#stes.delete(sid);
    this.invalidateCds(sid);
  }
  /** CFGI_STE_RANGE: `same(sid)` says whether a stream is in the range. */
  invalidateSteRange(same: (sid: number) => boolean): void {
    for (const sid of new Set([...this.#stes.keys(), ...this.#cds.keys(), ...this.#l1cds.keys()])) if (same(sid)) this.invalidateSte(sid);
  }
  /** CFGI_CD; `leaf` false: the L1CD that leads to it as well. `l1Index` is computed for both leaf sizes. */
  invalidateCd(sid: number, ssid: number, leaf: boolean): void {
    this.#cds.get(sid)?.delete(ssid);
    if (leaf) return;
    // Which index leads to the SSID depends on S1Fmt: keys carry the first SSID of the leaf.
    for (const first of [ssid - (ssid % 64), ssid - (ssid % 1024)]) this.#l1cds.get(sid)?.delete(first);
  }
  /** CFGI_CD_ALL. */
  invalidateCds(sid: number): void {
    this.#cds.delete(sid);
    this.#l1cds.delete(sid);
  }
  invalidateAll(): void {
    this.#stes.clear();
    this.#cds.clear();
    this.#l1cds.clear();
  }
  get size(): { stes: number; cds: number } {
    return { stes: this.#stes.size, cds: [...this.#cds.values()].reduce((sum, cds) => sum + cds.size, 0) };
  }
}
