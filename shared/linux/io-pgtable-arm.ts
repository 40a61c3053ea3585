import { ATTR_INDEX, startLevel } from "../arm-vmsa/tcr.ts";
import { addressHigh, addressLow, descriptorAddress, descriptorKind, LEAF, leafOffset, levelSize, tableIndex } from "../arm-vmsa/translation-table-descriptor.ts";
import { vtcrOf } from "../arm-vmsa/vtcr.ts";
import { EEXIST, EINVAL, ENOMEM, ERANGE } from "../linux-uapi/errno.ts";
import type { PhysicalMemory } from "../physical-memory/physical-memory.ts";

const PAGE = 4096;
const OFFSET = PAGE - 1;

export interface IoPgtableProt {
  read: boolean;
  write: boolean;
  exec?: boolean;
  user?: boolean;
  device?: boolean;
}

export interface IoPgtableOptions {
  memory: PhysicalMemory;
  /** One 4 KiB frame, or null: no memory. */
  allocFrame(): number | null;
  freeFrame(pa: number): void;
  format: "stage1" | "stage2";
  /** Input and output address sizes in bits: 21 to 48 and one that has an encoding. */
  inputBits: number;
  outputBits: number;
  /** Largest leaf: 3 = pages only, 2 and 1 = blocks where both addresses are aligned. Default 3 at stage 1, 1 at stage 2. */
  lowestLeafLevel?: 1 | 2 | 3;
}

export interface IoPgtableEntry {
  pa: number;
  read: boolean;
  write: boolean;
  user: boolean;
  exec: boolean;
  sizeBytes: number;
}

/**
 * VMSAv8-64 tables of the 4 KiB granule, with the encodings of Linux' io-pgtable-arm.c (page-tables.md, section 10).
 * Addresses that go into descriptors are those of `memory`: PAs on the host, GPAs in a guest.
 * Not modelled: concatenated start tables, so `inputBits` of 40 to 42 start at level 0.
 */
export class IoPgtable {
  /** Address of the start table: TTBR or VTTBR. */
  readonly root: number;
  readonly startLevel: number;
  readonly inputBits: number;
  readonly #o: IoPgtableOptions;
  readonly #lowestLeaf: number;
  readonly #tables = new Set<number>();
  readonly #inputEnd: number;
  readonly #outputEnd: number;
  readonly #descriptor = new Uint32Array(2);
  /** Of the leaf or hole that was looked for last. */
  #slot = 0;
  #level = 0;

  /** Null: no frame for the start table. */
  static alloc(options: IoPgtableOptions): IoPgtable | null {
    const root = options.allocFrame();
    return root === null ? null : new IoPgtable(options, root);
  }

  /** `root` is a frame for the start table. Without one it is allocated, and that there is none is our own mistake. */
  constructor(options: IoPgtableOptions, root: number | null = options.allocFrame()) {
    this.#o = options;
    this.inputBits = options.inputBits;
    this.#inputEnd = 2 ** options.inputBits;
    this.#outputEnd = 2 ** options.outputBits;
    this.startLevel = startLevel(options.inputBits);
    this.#lowestLeaf = options.lowestLeafLevel ?? (options.format === "stage1" ? 3 : 1);
    if (root === null) throw new Error("io-pgtable: no frame for the start table");
    this.root = this.#adopt(root);
  }

  /** VTCR_EL2 of a stage-2 table. */
  get vtcr(): number {
    return vtcrOf(this.inputBits, this.#o.outputBits);
  }

  /** Frames that the tables occupy now. */
  get tableCount(): number {
    return this.#tables.size;
  }

  /** 0; -EINVAL unaligned or empty; -ERANGE beyond the sizes; -EEXIST something is mapped there; -ENOMEM no frame for a table. On an error nothing of the range stays mapped. */
  map(iova: number, pa: number, size: number, prot: IoPgtableProt): number {
    if (size <= 0 || iova & OFFSET || pa & OFFSET || size & OFFSET || !(prot.read || prot.write)) return -EINVAL;
    if (iova + size > this.#inputEnd || pa + size > this.#outputEnd) return -ERANGE;
    let done = 0;
    while (done < size) {
      const level = this.#leafLevel(iova + done, pa + done, size - done);
      const ret = this.#mapLeaf(iova + done, pa + done, level, prot);
      if (ret < 0) {
        if (done > 0) this.unmap(iova, done);
        return ret;
      }
      done += levelSize(level);
    }
    return 0;
  }

  /** Clears the leaves inside the range and returns the bytes unmapped. Holes are skipped; a block is never split: one that is only partly covered stays. Tables stay until `free`. */
  unmap(iova: number, size: number): number {
    const end = iova + size;
    let unmapped = 0;
    for (let at = iova; at < Math.min(end, this.#inputEnd); at = this.#next(at)) {
      if (!this.#find(at)) continue;
      const bytes = levelSize(this.#level);
      const first = at - leafOffset(at, this.#level);
      if (first < iova || first + bytes > end) continue;
      this.#o.memory.store64(this.#slot, 0, 0);
      unmapped += bytes;
    }
    return unmapped;
  }

  /** Rewrites the permissions of the leaves in the range; bytes changed. The caller invalidates TLBs and ATCs. */
  protect(iova: number, size: number, prot: IoPgtableProt): number {
    let changed = 0;
    for (let at = iova; at < Math.min(iova + size, this.#inputEnd); at = this.#next(at)) {
      if (!this.#find(at)) continue;
      this.#storeLeaf(this.#slot, descriptorAddress(this.#descriptor[0], this.#descriptor[1], this.#level), this.#level, prot);
      changed += levelSize(this.#level);
    }
    return changed;
  }

  /** What maps `iova` now, with the offset into the leaf added to `pa`; null: a hole. */
  lookup(iova: number): IoPgtableEntry | null {
    if (iova >= this.#inputEnd || !this.#find(iova)) return null;
    const low = this.#descriptor[0];
    const high = this.#descriptor[1];
    const stage1 = this.#o.format === "stage1";
    return {
      pa: descriptorAddress(low, high, this.#level) + leafOffset(iova, this.#level),
      read: stage1 || (low & LEAF.S2AP_READ) !== 0,
      write: stage1 ? (low & LEAF.AP_RDONLY) === 0 : (low & LEAF.S2AP_WRITE) !== 0,
      user: stage1 && (low & LEAF.AP_UNPRIV) !== 0,
      exec: (high & LEAF.XN) === 0,
      sizeBytes: levelSize(this.#level),
    };
  }

  /** Gives every table frame back. No agent may walk these tables any more. */
  free(): void {
    for (const table of this.#tables) this.#o.freeFrame(table);
    this.#tables.clear();
  }

  #leafLevel(iova: number, pa: number, left: number): number {
    for (let level = Math.max(this.#lowestLeaf, this.startLevel, 1); level < 3; level++) {
      const size = levelSize(level);
      if (left >= size && iova % size === 0 && pa % size === 0) return level;
    }
    return 3;
  }

  #mapLeaf(iova: number, pa: number, leafLevel: number, prot: IoPgtableProt): number {
    let table = this.root;
    for (let level = this.startLevel; ; level++) {
      const slot = table + 8 * tableIndex(iova, level);
      if (!this.#o.memory.load64(slot, this.#descriptor)) throw new Error(`io-pgtable: table at ${slot.toString(16)} is not RAM`);
      const kind = descriptorKind(this.#descriptor[0], level);
      if (level === leafLevel) {
        if (kind !== "invalid") return -EEXIST;
        this.#storeLeaf(slot, pa, level, prot);
        return 0;
      }
      if (kind === "block") return -EEXIST;
      if (kind === "table") table = descriptorAddress(this.#descriptor[0], this.#descriptor[1]);
      else {
        const next = this.#newTable();
        if (next === null) return -ENOMEM;
        this.#o.memory.store64(slot, (addressLow(next) | 3) >>> 0, addressHigh(next)); // one 64-bit store publishes the zeroed table
        table = next;
      }
    }
  }

  #storeLeaf(slot: number, pa: number, level: number, prot: IoPgtableProt): void {
    let low = LEAF.valid | (level === 3 ? LEAF.page : 0) | LEAF.AF;
    if (this.#o.format === "stage1") {
      low |= LEAF.nG | (prot.user === false ? 0 : LEAF.AP_UNPRIV) | (prot.write ? 0 : LEAF.AP_RDONLY);
      low |= ((prot.device ? ATTR_INDEX.DEV : ATTR_INDEX.CACHE) << LEAF.attrIndexShift) | (prot.device ? LEAF.SH_OUTER : LEAF.SH_INNER);
    } else {
      low |= (prot.read ? LEAF.S2AP_READ : 0) | (prot.write ? LEAF.S2AP_WRITE : 0);
      low |= ((prot.device ? 1 : 15) << LEAF.memAttrShift) | (prot.device ? LEAF.SH_OUTER : LEAF.SH_INNER);
    }
    const high = addressHigh(pa) | (prot.exec === false ? LEAF.XN : 0);
    this.#o.memory.store64(slot, (addressLow(pa) | low) >>> 0, high >>> 0);
  }

  /** Looks for the leaf of `iova`: its slot, level and descriptor stay behind. False: a hole, as large as a leaf of that level. */
  #find(iova: number): boolean {
    let table = this.root;
    for (let level = this.startLevel; ; level++) {
      const slot = table + 8 * tableIndex(iova, level);
      this.#o.memory.load64(slot, this.#descriptor);
      const kind = descriptorKind(this.#descriptor[0], level);
      if (kind === "table") {
        table = descriptorAddress(this.#descriptor[0], this.#descriptor[1]);
        continue;
      }
      this.#slot = slot;
      this.#level = level;
      return kind !== "invalid";
    }
  }

  /** The first address behind the leaf or hole that was found for `at`. */
  #next(at: number): number {
    return at - leafOffset(at, this.#level) + levelSize(this.#level);
  }

  #newTable(): number | null {
    const frame = this.#o.allocFrame();
    return frame === null ? null : this.#adopt(frame);
  }

  #adopt(frame: number): number {
    const { memory } = this.#o;
    if (memory.zeroFrame) memory.zeroFrame(frame);
    else memory.write(frame, new Uint8Array(PAGE));
    this.#tables.add(frame);
    return frame;
  }
}
