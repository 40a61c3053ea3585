import type { Upstream } from "../link.ts";
import type { ConfigSpace } from "./config-space.ts";

const ENTRY = 16;
const MASKED = 1;

/** MSI-X table and pending bits in a BAR (PCIe 7.7.2, 6.1.4). Every vector starts masked. */
export class MsiX {
  readonly #table: DataView;
  readonly #pending: boolean[];
  readonly #config: ConfigSpace;
  readonly #upstream: Upstream;
  readonly vectors: number;

  constructor(vectors: number, config: ConfigSpace, upstream: Upstream) {
    this.vectors = vectors;
    this.#table = new DataView(new ArrayBuffer(vectors * ENTRY));
    this.#pending = new Array(vectors).fill(false);
    this.#config = config;
    this.#upstream = upstream;
    this.reset();
  }

  reset(): void {
    for (let vector = 0; vector < this.vectors; vector++) {
      for (let i = 0; i < 3; i++) this.#table.setUint32(vector * ENTRY + 4 * i, 0, true);
      this.#table.setUint32(vector * ENTRY + 12, MASKED, true);
      this.#pending[vector] = false;
    }
  }

  readTable(offset: number): number {
    return offset + 4 <= this.#table.byteLength ? this.#table.getUint32(offset, true) : 0;
  }
  writeTable(offset: number, value: number): void {
    if (offset + 4 > this.#table.byteLength) return;
    this.#table.setUint32(offset, offset % ENTRY === 12 ? value & MASKED : value, true);
    this.deliverPending();
  }
  readPending(offset: number): number {
    let bits = 0;
    for (let i = 0; i < 32; i++) if (this.#pending[offset * 8 + i]) bits |= 1 << i;
    return bits >>> 0;
  }

  /** A DMA write, untranslated and without PASID; masked: the pending bit. */
  raise(vector: number): void {
    if (vector >= this.vectors) return;
    const masked = (this.#table.getUint32(vector * ENTRY + 12, true) & MASKED) !== 0;
    if (!this.#config.msixDelivers || !this.#config.busMaster || masked) {
      this.#pending[vector] = true;
      return;
    }
    this.#pending[vector] = false;
    const address = this.#table.getBigUint64(vector * ENTRY, true);
    const data = new Uint8Array(new Uint32Array([this.#table.getUint32(vector * ENTRY + 8, true)]).buffer);
    this.#upstream.memoryWrite({ pasid: null, priv: false, exec: false, at: "untranslated", address, data });
  }

  /** After an unmask or enable: what was pending leaves. */
  deliverPending(): void {
    if (!this.#config.msixDelivers) return;
    for (let vector = 0; vector < this.vectors; vector++) if (this.#pending[vector]) this.raise(vector);
  }
}
