import { Draw, Structure } from "./draw.ts";
import { addressBits, type Id, type Purpose, pow2, type WalkedMemory } from "./machine.ts";
import { legalStage2 } from "./stream-table.ts";

/** How often, in thousandths, a drawn structure deviates from one that lets an access through. */
export interface Rates {
  abort: number;
  flaw: number;
  cdFlaw: number;
  invalid: number;
  size: number;
  rights: number;
  silent: number;
  /** Not a rate: configuration that takes an access without a substream as far as the page tables. */
  deep: boolean;
}

/** Where things lie: below 2^32, so that every OAS and most input sizes reach them. */
export const REGION = {
  eventq: 0x0c00_0000n,
  cmdq: 0x0c10_0000n,
  streamTable: 0x1000_0000n,
  cd: 0x1800_0000n,
  stage1: 0x2000_0000n,
  stage2: 0x4000_0000n,
  stage1Output: 0x6000_0000n,
  stage2Output: 0x8000_0000n,
};

/** Memory whose contents come into being when the walker first reads them, drawn for what it reads them as; afterwards they are what they are. */
export class DrawnMemory implements WalkedMemory {
  /** Doublewords by address; null: this access aborts. */
  readonly image = new Map<bigint, bigint | null>();
  /** What came into being since the caller last emptied this, before any update. */
  readonly drawn = new Map<bigint, bigint | null>();
  /** Every first read, for a failure's report. */
  readonly log: string[] = [];
  readonly #draw: Draw;
  readonly #id: Id;
  readonly #rates: Rates;
  readonly #cached: boolean;
  readonly #el2: boolean;
  #tags = 0;

  /** `cached`: the core runs with caches, so address spaces get tags of their own and no page is global; the EL2 world has no tags, so it is not drawn then. */
  constructor(seed: number, id: Id, rates: Rates, { cached, E2H }: { cached: boolean; E2H: boolean }) {
    this.#draw = new Draw(seed);
    this.#id = id;
    this.#rates = rates;
    this.#cached = cached;
    this.#el2 = !cached || E2H;
  }

  load(address: bigint, words: 1 | 8, purpose: Purpose): bigint | null {
    if (!this.image.has(address)) {
      const value = this.#draw.chance(this.#rates.abort) ? null : this.#content(purpose);
      for (let i = 0n; i < words; i++) {
        if (this.image.has(address + 8n * i)) continue;
        const word = value === null ? null : (value >> (64n * i)) % pow2(64);
        this.image.set(address + 8n * i, word);
        this.drawn.set(address + 8n * i, word);
      }
      this.log.push(`${JSON.stringify(purpose)} @0x${address.toString(16)} = ${value === null ? "abort" : `0x${value.toString(16)}`}`);
    }
    let value = 0n;
    for (let i = 0n; i < words; i++) {
      const word = this.image.get(address + 8n * i);
      if (word === null || word === undefined) return null;
      value |= word << (64n * i);
    }
    return value;
  }
  store(address: bigint, value: bigint | null): void {
    this.image.set(address, value);
  }

  #content(purpose: Purpose): bigint {
    const draw = this.#draw;
    switch (purpose.of) {
      case "L1STD": {
        const span = draw.chance(this.#rates.flaw) ? draw.below(32) : draw.chance(800) ? purpose.split + 1 : 1 + draw.below(purpose.split + 1);
        const far = draw.chance(this.#rates.flaw / 4) ? draw.wide(56) : 0n;
        return new Structure().put(55, 6, (REGION.streamTable + draw.wide(26) + far) >> 6n).put(4, 0, span).raw;
      }
      case "STE":
        return this.#ste();
      case "L1CD": {
        const far = draw.chance(this.#rates.flaw) ? draw.wide(56) : 0n;
        return new Structure().put(55, 12, (REGION.cd + draw.wide(26) + far) >> 12n).put(0, 0, draw.bit(1000 - this.#rates.flaw)).raw;
      }
      case "CD":
        return this.#cd();
      case "descriptor":
        return this.#descriptor(purpose);
    }
  }

  #ste(): bigint {
    const [draw, id] = [this.#draw, this.#id];
    const ste = new Structure()
      .put(0, 0, 1)
      .put(115, 112, draw.below(16))
      .put(91, 91, id.STALL_MODEL === 0 ? draw.bit(150) : 0);
    const { deep } = this.#rates;
    const configs = [
      ...(deep && id.S1P ? [] : [4]),
      ...(id.S1P ? [5, 5, 5] : []),
      ...(id.S2P && !(deep && id.S1P) ? [6, 6] : []),
      ...(id.S1P && id.S2P ? [7, 7, 7, 7, 7, 7] : []),
    ];
    const config = draw.of(configs);
    ste.put(3, 1, draw.chance(this.#rates.silent) ? draw.below(4) : config);
    ste.put(5, 4, id.CD2L ? draw.below(4) : draw.of([0, 3])).put(63, 59, Math.min(id.SSIDSIZE, draw.of([0, 0, 1, 3, 6, 7, 10, 11, 14, 20])));
    ste.put(55, 6, (REGION.cd + draw.wide(26)) >> 6n).put(65, 64, deep ? 2 : draw.of([0, 1, 2, 2, 2, 3]));
    const s2s = id.STALL_MODEL === 1 ? 0 : id.STALL_MODEL === 2 ? 1 : draw.below(5) === 0 ? 1 : 0;
    ste.put(185, 185, s2s).put(93, 92, s2s ? draw.of([0, 3]) : draw.of(config === 7 && !id.NS1ATS ? [0, 1, 2, 2, 3] : [0, 1, 3]));
    ste.put(143, 128, this.#tag(id.VMID16));
    const S2DS = draw.chance(500);
    const { S2TG, S2SL0, S2T0SZ } = this.#stage2Shape(S2DS);
    // Without DS in effect S2SL0_2 says nothing.
    const S2SL0_2 = S2SL0 >= 4 ? 1 : S2TG === 0 && id.DS && S2DS ? 0 : draw.below(2);
    ste
      .put(195, 195, S2DS ? 1 : 0)
      .put(194, 194, S2SL0_2)
      .put(175, 174, S2TG)
      .put(167, 166, S2SL0 % 4)
      .put(165, 160, S2T0SZ)
      .put(178, 176, draw.below(8))
      .put(179, 179, 1)
      .put(181, 181, draw.bit(300))
      .put(182, 182, draw.bit(200));
    ste.put(184, 183, id.HTTU === 0 ? 0 : id.HTTU === 1 ? draw.of([0, 2]) : draw.of([0, 1, 2, 3, 3, 3])).put(186, 186, draw.bit(850));
    ste.put(89, 89, draw.bit(300)).put(95, 94, this.#el2 ? draw.of([0, 2]) : 0);
    ste.put(243, 196, (REGION.stage2 + draw.wide(28)) >> 4n);
    if (draw.chance(this.#rates.flaw)) this.#flawSte(ste);
    return ste.raw;
  }

  /** Mostly input sizes that the drawn IPAs fit into. */
  #stage2Shape(S2DS: boolean): { S2TG: number; S2SL0: number; S2T0SZ: number } {
    const legal = legalStage2(this.#id, S2DS);
    const roomy = legal.filter(({ S2T0SZ }) => S2T0SZ <= 32);
    const from = roomy.length && (this.#rates.deep || this.#draw.chance(850)) ? roomy : legal;
    const { S2TG, S2SL0 } = this.#draw.of(uniqueStarts(from));
    return this.#draw.of(from.filter((one) => one.S2TG === S2TG && one.S2SL0 === S2SL0));
  }

  #flawSte(ste: Structure): void {
    const [draw, id] = [this.#draw, this.#id];
    draw.of([
      () => ste.put(0, 0, 0),
      () => ste.put(3, 1, draw.below(8)),
      () => ste.put(93, 92, 1).put(185, 185, 1),
      () => ste.put(93, 92, 2),
      () => ste.put(93, 92, 2).put(3, 1, 7).put(185, 185, 1),
      () => ste.put(91, 91, 1),
      () => ste.put(95, 94, 1 + 2 * draw.below(2)),
      () => ste.put(63, 59, draw.below(32)),
      () => ste.put(5, 4, 1 + draw.below(2)).put(63, 59, Math.max(1, Math.min(id.SSIDSIZE, 4))),
      () => ste.put(55, 6, draw.wide(50)),
      () => ste.put(185, 185, draw.below(2)).put(93, 92, 0),
      () => ste.put(179, 179, 0),
      () => ste.put(184, 183, 1 + draw.below(3)),
      () => ste.put(184, 183, 0).put(187, 187, 1),
      () => ste.put(175, 174, draw.below(4)),
      () => ste.put(243, 196, draw.wide(48)),
      () => ste.put(178, 176, 6).put(243, 196, (pow2(48) + REGION.stage2) >> 4n),
      () => ste.put(165, 160, draw.below(64)),
      () => ste.put(167, 166, draw.below(4)),
      () => ste.put(195, 194, draw.below(4)),
      () => ste.put(167, 166, 2).put(165, 160, 64 - id.IAS + draw.below(3)),
      () => ste.put(180, 180, 1),
      () => ste.put(143, 128, draw.wide(16)),
    ])();
  }

  #cd(): bigint {
    const [draw, id] = [this.#draw, this.#id];
    const cd = new Structure()
      .put(31, 31, 1)
      .put(41, 41, 1)
      .put(34, 32, this.#rates.deep || draw.chance(700) ? (id.OAS === 52 ? draw.of([5, 6]) : 5) : draw.below(8))
      .put(35, 35, draw.bit(300));
    const DS = draw.chance(500);
    cd.put(186, 186, DS ? 1 : 0);
    for (const table of [0, 1] as const) {
      const pageBits = draw.of(id.granules);
      const TG = table === 0 ? [12, 16, 14].indexOf(pageBits) : [14, 12, 16].indexOf(pageBits) + 1;
      const most = id.STT && draw.chance(300) ? (pageBits === 16 ? 47 : 48) : 39;
      const least = (pageBits === 16 ? id.VAX !== 0 : id.DS && DS) ? 12 : 16;
      const TSZ = this.#rates.deep || draw.chance(700) ? least + draw.below(16) : least + draw.below(most - least + 1);
      const at = table === 0 ? { TSZ: 0, TG: 6, EPD: 14, HAD: 65, TTB: 68, TBI: 38 } : { TSZ: 16, TG: 22, EPD: 30, HAD: 129, TTB: 132, TBI: 39 };
      cd.put(at.TSZ + 5, at.TSZ, TSZ)
        .put(at.TG + 1, at.TG, TG)
        .put(at.EPD, at.EPD, draw.bit(this.#rates.deep ? 10 : 100))
        .put(at.HAD, at.HAD, draw.bit(300))
        .put(at.TBI, at.TBI, draw.bit(300));
      cd.put(at.TTB + 47, at.TTB, (REGION.stage1 + draw.wide(28)) >> 4n);
    }
    cd.put(36, 36, draw.bit(200)).put(37, 37, draw.bit(100)).put(40, 40, draw.bit(300)).put(47, 47, draw.bit(100));
    cd.put(43, 42, id.HTTU === 0 ? 0 : id.HTTU === 1 ? draw.of([0, 2]) : draw.of([0, 1, 2, 3, 3, 3]));
    cd.put(44, 44, id.STALL_MODEL === 1 ? 0 : id.STALL_MODEL === 2 ? 1 : draw.bit(150))
      .put(45, 45, draw.bit(850))
      .put(46, 46, id.TERM_MODEL ? 1 : draw.bit(800));
    cd.put(63, 48, this.#tag(id.ASID16)).put(66, 66, draw.bit(200)).put(130, 130, draw.bit(200)).put(123, 123, draw.bit(500));
    if (!draw.chance(this.#rates.cdFlaw)) return cd.raw;
    draw.of([
      () => cd.put(31, 31, 0),
      () => cd.put(41, 41, 0),
      () => cd.put(44, 44, draw.below(2)),
      () => cd.put(46, 46, 0),
      () => cd.put(15, 15, 1),
      () => cd.put(43, 42, 1 + draw.below(3)),
      () => cd.put(43, 42, 0).put(67, 67, 1),
      () => cd.put(63, 48, draw.wide(16)),
      () => cd.put(7, 6, draw.below(4)),
      () => cd.put(23, 22, draw.below(4)),
      () => cd.put(5, 0, draw.below(64)),
      () => cd.put(21, 16, draw.below(64)),
      () => cd.put(115, 68, draw.wide(48)),
      () => cd.put(179, 132, draw.wide(48)),
      () => cd.put(34, 32, 6).put(115, 68, (pow2(48) + REGION.stage1) >> 4n),
      () => cd.put(34, 32, 6).put(179, 132, (pow2(48) + REGION.stage1) >> 4n),
    ])();
    return cd.raw;
  }

  /** Address spaces that share a TLB need tags of their own (smmuv3.md, 9). */
  #tag(wide: boolean): bigint {
    this.#tags++;
    return this.#cached ? BigInt(this.#tags) : this.#draw.wide(wide ? 16 : 8);
  }

  #descriptor({ stage, level, pageBits, outputBits }: Extract<Purpose, { of: "descriptor" }>): bigint {
    const [draw, id, rates] = [this.#draw, this.#id, this.#rates];
    const block = level < 3 && draw.chance(250);
    const type = draw.chance(rates.invalid) ? draw.below(4) : block ? 1 : 3;
    const table = type === 3 && level < 3;
    const region = table ? (stage === 1 ? REGION.stage1 : REGION.stage2) : stage === 1 ? REGION.stage1Output : REGION.stage2Output;
    const shift = table ? pageBits : pageBits + (3 - level) * (pageBits - 3);
    let output = region + draw.wide(28);
    if (draw.chance(300)) output = draw.wide(Math.min(outputBits, draw.of([32, 36, 40, 48])));
    if (draw.chance(rates.size)) output |= pow2(draw.of([outputBits, outputBits + draw.below(10), 32 + draw.below(20)]));
    const d = new Structure().put(1, 0, type);
    if (shift < 48) d.put(47, shift, (output % pow2(48)) >> BigInt(shift));
    // Address bits 51:48 where DS is in effect; otherwise they are not looked at.
    if (id.DS && draw.chance(outputBits < 52 ? rates.size : table ? 50 : 300)) d.put(49, 48, draw.below(4)).put(9, 8, draw.below(4));
    // Bits 15:12 with 64K below OAS = 52 are IMPLEMENTATION DEFINED (page-tables.md, section 12): 0.
    if (pageBits === 16 && id.OAS === 52 && draw.chance(rates.size)) d.put(15, 12, draw.below(16));
    d.put(58, 55, draw.below(16));
    if (table) return d.put(62, 59, stage === 1 && draw.chance(rates.rights) ? draw.below(16) : 0).raw;
    const careless = draw.chance(rates.rights);
    const memAttr = stage === 2 && draw.chance(850) ? 4 + draw.below(12) : draw.below(16);
    d.put(5, 2, memAttr)
      .put(10, 10, careless ? draw.bit() : 1)
      .put(9, 8, id.DS ? (d.raw >> 8n) % 4n : draw.of([0, 2, 3]))
      .put(52, 51, draw.below(4));
    // Writable-clean: DBM, and no write permission yet.
    if (draw.chance(rates.rights / 2))
      return d
        .put(51, 51, 1)
        .put(7, 6, stage === 1 ? 3 : 1)
        .put(11, 11, 1).raw;
    if (stage === 1)
      d.put(7, 6, careless ? draw.below(4) : 1)
        .put(11, 11, this.#cached ? 1 : draw.bit())
        .put(54, 53, careless ? draw.below(4) : 0);
    else d.put(7, 6, careless ? draw.below(4) : 3).put(54, 53, careless ? draw.below(4) : 0);
    return d.raw;
  }
}

/** One shape of each granule and start level, so that none is rare. */
const uniqueStarts = <T extends { S2TG: number; S2SL0: number }>(shapes: T[]): T[] =>
  shapes.filter(({ S2TG, S2SL0 }, i) => shapes.findIndex((one) => one.S2TG === S2TG && one.S2SL0 === S2SL0) === i);

/** One of the sizes the ID registers can state. */
export const oasEncodings = (has52: boolean): number[] => [0, 1, 2, 3, 4, 5, 6].filter((encoding) => addressBits(encoding) < 52 || has52);
