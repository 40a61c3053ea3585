import { CD } from "../arm-smmu-v3/context-descriptor.ts";
import { L1CD } from "../arm-smmu-v3/l1-context-descriptor.ts";
import { MAIR_LINUX, physicalSizeEncoding } from "../arm-vmsa/tcr.ts";
import { E2BIG, ENOMEM } from "../linux-uapi/errno.ts";
import type { PhysicalMemory } from "../physical-memory/physical-memory.ts";

/** STE.S1Fmt, as ATTACH_TABLE carries it. */
export const S1FMT = { LINEAR: 0, "64KL2": 2 } as const;
/** CDs in one leaf of a two-level table: 64 KiB. */
const LEAF_CDS = 1024;
const CD_BYTES = 64;
const EPD0 = 1 << 14;

/** What an address space puts into its CD. `root` is TTB0, `inputBits` its VA size; `shared`: it belongs to an mm, not to the DMA API. */
export interface ContextDescriptorConfig {
  asid: number;
  root: number;
  inputBits: number;
  outputBits: number;
  shared: boolean;
  stall?: boolean;
}

export interface PasidTableOptions {
  memory: PhysicalMemory;
  /** log2 of the number of CDs. */
  s1cdmax: number;
  /** Two-level tables are allowed; used when there are more than 1024 CDs. */
  twoLevel: boolean;
  /** Zeroed frames, contiguous and aligned to `bytes` (a power of two of at least 4 KiB); null: no memory. */
  alloc(bytes: number): number | null;
  free(address: number, bytes: number): void;
  /** CFGI_CD and CMD_SYNC, or what stands for them: caches of the CD of `ssid` are gone when it resolves to 0. `leaf` false: the L1 descriptor changed. */
  sync(ssid: number, leaf: boolean): Promise<number>;
}

/**
 * The context descriptor table of one domain: the CD library of arm-smmu-v3.c, v5.12 (iommu-core.md, section 8).
 * Linear up to 1024 CDs; else a table of L1 descriptors, whose 64 KiB leaves are allocated at the first write.
 */
export class PasidTable {
  /** S1ContextPtr. */
  readonly base: number;
  readonly s1fmt: number;
  readonly s1cdmax: number;
  readonly #o: PasidTableOptions;
  readonly #sizeBytes: number;
  readonly #leaves = new Map<number, number>();
  readonly #word = new Uint32Array(2);

  private constructor(options: PasidTableOptions, base: number, s1fmt: number, sizeBytes: number) {
    this.#o = options;
    this.base = base;
    this.s1fmt = s1fmt;
    this.s1cdmax = options.s1cdmax;
    this.#sizeBytes = sizeBytes;
  }

  /** null: no memory for the table. */
  static alloc(options: PasidTableOptions): PasidTable | null {
    const s1cdmax = options.twoLevel ? options.s1cdmax : Math.min(options.s1cdmax, 10);
    const cds = 2 ** s1cdmax;
    const linear = cds <= LEAF_CDS;
    const bytes = Math.max(4096, linear ? cds * CD_BYTES : (cds / LEAF_CDS) * L1CD.sizeBytes);
    const base = options.alloc(bytes);
    return base === null ? null : new PasidTable({ ...options, s1cdmax }, base, linear ? S1FMT.LINEAR : S1FMT["64KL2"], bytes);
  }

  /** 0; -E2BIG: ssid beyond the table (IC-801); -ENOMEM: no leaf (IC-802); or the error of `sync`: the entry is written, but a stale one may be cached (RR-84). `cd` null: the entry is made invalid; "quiet": valid, but nothing is walked. */
  async write(ssid: number, cd: ContextDescriptorConfig | "quiet" | null): Promise<number> {
    if (ssid >= 2 ** this.s1cdmax) return -E2BIG;
    const at = await this.#entry(ssid);
    if (at === null) return -ENOMEM;
    const { memory } = this.#o;
    memory.load64(at, this.#word);
    const [low, high] = this.#word;
    if (cd === null)
      memory.store64(at, 0, 0); // IC-804
    else if (cd === "quiet")
      memory.store64(at, (low | EPD0) >>> 0, (high & ~((1 << 12) | (1 << 13))) >>> 0); // IC-805: EPD0 = 1, S = R = 0
    else if (low >>> 31)
      memory.store64(at, low, ((high & 0xffff) | (cd.asid << 16)) >>> 0); // IC-806: live, only the ASID changes
    else {
      // IC-807: doublewords 1 to 3 first: the SMMU may fetch the CD at any time, and V = 1 must find them.
      const words = new Uint32Array(encodeCd(cd).buffer);
      for (const doubleword of [1, 2, 3]) memory.store64(at + 8 * doubleword, words[2 * doubleword], words[2 * doubleword + 1]);
      const ret = await this.#o.sync(ssid, true);
      if (ret < 0) return ret;
      memory.store64(at, words[0], words[1]);
    }
    return this.#o.sync(ssid, true);
  }

  /** Frames of the table and its leaves. No SMMU may read them any more. */
  free(): void {
    for (const leaf of this.#leaves.values()) this.#o.free(leaf, LEAF_CDS * CD_BYTES);
    this.#leaves.clear();
    this.#o.free(this.base, this.#sizeBytes);
  }

  /** Address of the CD of `ssid`; null: no leaf and no memory for one. */
  async #entry(ssid: number): Promise<number | null> {
    if (this.s1fmt === S1FMT.LINEAR) return this.base + ssid * CD_BYTES;
    const index = Math.floor(ssid / LEAF_CDS);
    let leaf = this.#leaves.get(index);
    if (leaf === undefined) {
      const fresh = this.#o.alloc(LEAF_CDS * CD_BYTES);
      if (fresh === null) return null;
      leaf = fresh;
      this.#leaves.set(index, leaf);
      const words = new Uint32Array(L1CD.encode({ V: 1, L2Ptr: BigInt(leaf) >> 12n }).buffer);
      this.#o.memory.store64(this.base + index * L1CD.sizeBytes, words[0], words[1]);
      await this.#o.sync(ssid, false); // IC-803
    }
    return leaf + (ssid % LEAF_CDS) * CD_BYTES;
  }
}

/** The CD that arm-smmu-v3 builds: 4 KiB granule, write-back inner shareable walks, faults recorded and aborted. */
export function encodeCd(cd: ContextDescriptorConfig): Uint8Array<ArrayBuffer> {
  return CD.encode({
    T0SZ: 64 - cd.inputBits,
    TG0: 0,
    IR0: 1,
    OR0: 1,
    SH0: 3,
    EPD1: 1,
    V: 1,
    IPS: physicalSizeEncoding(cd.outputBits),
    AA64: 1,
    S: cd.stall ? 1 : 0,
    R: 1,
    A: 1,
    ASET: cd.shared ? 0 : 1,
    ASID: cd.asid,
    TTB0: BigInt(cd.root) >> 4n,
    MAIR0: MAIR_LINUX & 0xffffffffn,
    MAIR1: 0,
  });
}
