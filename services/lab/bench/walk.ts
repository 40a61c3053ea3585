import { type Configuration, stage1Table, stage2Table } from "@faultline/smmu/core/configuration.ts";
import { isFault } from "@faultline/smmu/core/fault.ts";
import type { Hardware } from "@faultline/smmu/core/hardware.ts";
import { Leaf } from "@faultline/smmu/core/page-table-walk/leaf.ts";
import { walkNestedPages } from "@faultline/smmu/core/page-table-walk/nested.ts";
import { percentile } from "../demo/summary.ts";
import { COLD_PASSES, type CWalk, compileCWalk, OTHER_BYTES, PASSES } from "./walk-c.ts";
import { DMA_VA, MAX_PASIDS, NESTED_SID, PAGES, STAGE_1_SID, WalkTables } from "./walk-machine.ts";

/**
 * In ns of one operation. Walks and the TLB hit are translations whose configuration is in hand (`configHit` finds it); `transaction` is the whole, from its address to its
 * result, all hits. A walk is cold: without TLB and walk cache; the CPU's caches hold the tables, or, where it says memory-cold, something else at the beginning.
 */
export interface WalkFigures {
  nestedWalk: number;
  bareNestedWalk: number;
  nestedWalkMemoryCold: number;
  bareNestedWalkMemoryCold: number;
  stage1Walk: number;
  tlbHit: number;
  transaction: number;
  configHit: number;
  command: number;
  dma1MiB: number;
  lookup: number;
  cWalk: number | null;
  cWalkMemoryCold: number | null;
}
/** Whole transactions, the same over more and more PASIDs. */
export interface WalkScaling {
  pasids: number;
  nestedWalk: number;
  tlbHit: number;
}
export interface WalkBench {
  /** Medians over the passes of all rounds, and minima. */
  ns: WalkFigures;
  min: WalkFigures;
  /** Of the medians: minima are for who measures beside other work (the lookup's is that of a pass whose table no one has pushed out of the caches). design.md, section 8: nested walk <= 4, bare walk <= 2.5 of the walk in C; TLB hit <= 4 of the lookup. */
  ratio: {
    nestedWalk: number | null;
    bareNestedWalk: number | null;
    nestedWalkMemoryCold: number | null;
    bareNestedWalkMemoryCold: number | null;
    tlbHit: number;
  };
  scaling: WalkScaling[];
}

const PASID_SCALES: readonly number[] = [1, 10, 100, 1000, MAX_PASIDS];
const MIB = 2 ** 20;
const TLB = 65536;

/** ns of one operation, each time that it was taken. */
type Measurement = () => number[];

/** ns of one of `count` operations. */
function timed(count: number, run: () => void): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / count;
}

/** ns of one of `count` operations of a pass, for each pass of a round. */
const timedPasses = (count: number, pass: () => void): number[] => Array.from({ length: PASSES }, () => timed(count, pass));

/** The same of passes that begin with other data in the CPU's caches. */
const timedCold = (count: number, pass: () => void): number[] =>
  Array.from({ length: COLD_PASSES }, () => {
    for (let at = 0; at < OTHER_BYTES; at += 64) other[at]++;
    return timed(count, pass);
  });
const other = new Uint8Array(OTHER_BYTES);

/** A warm-up, then `rounds` rounds with every measurement once in each, so that all see the same load of the machine. */
export function measureWalk(rounds: number, scales = PASID_SCALES): WalkBench {
  const tables = new WalkTables();
  const cold = tables.hardware(0);
  const warm = tables.hardware(TLB);
  const c = compileCWalk({
    bytes: tables.bytes,
    base: tables.base,
    s1Root: tables.stage1.root,
    s2Root: tables.stage2.root,
    addresses: BigUint64Array.from(tables.addresses),
  });
  try {
    const [nested, bare] = [translations(tables, cold, NESTED_SID, 1), bareWalks(tables, cold, c)];
    // Each measurement is of one figure or of several that are taken together.
    const measurements: (() => Partial<Record<string, number[]>>)[] = [
      () => ({ nestedWalk: timedPasses(PAGES, nested) }),
      () => ({ bareNestedWalk: timedPasses(PAGES, bare) }),
      () => {
        const round = c?.round();
        return round ? { cWalk: round.warm, cWalkMemoryCold: round.memoryCold } : {};
      },
      () => ({ nestedWalkMemoryCold: timedCold(PAGES, nested) }),
      () => ({ bareNestedWalkMemoryCold: timedCold(PAGES, bare) }),
      inPasses("stage1Walk", translations(tables, cold, STAGE_1_SID, null)),
      inPasses("tlbHit", translations(tables, warm, NESTED_SID, 1)),
      inPasses(
        "transaction",
        accesses(tables, warm, NESTED_SID, () => 1),
      ),
      inPasses("lookup", lookups(tables)),
      named("configHit", configurations(cold)),
      named("command", commands(tables, cold)),
      named("dma1MiB", dma(warm)),
    ];
    for (const pasids of scales) {
      // Each scale has a TLB of its own: all its entries stay.
      const hot = tables.hardware(TLB);
      const ssid = (i: number) => 1 + (i % pasids);
      measurements.push(
        inPasses(`nestedWalk ${pasids}`, accesses(tables, cold, NESTED_SID, ssid)),
        inPasses(`tlbHit ${pasids}`, accesses(tables, hot, NESTED_SID, ssid)),
      );
    }
    const samples = new Map<string, number[]>();
    for (let round = -1; round < rounds; round++) {
      for (const measure of measurements) {
        for (const [name, ns = []] of Object.entries(measure())) if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), ...ns]);
      }
    }
    const of = (name: string, which: (values: number[]) => number): number => Math.round(which(samples.get(name) ?? []) * 10) / 10;
    const median = (values: number[]) => percentile(values, 0.5);
    const min = (values: number[]) => Math.min(...values);
    const figures = (which: (values: number[]) => number): WalkFigures => ({
      nestedWalk: of("nestedWalk", which),
      bareNestedWalk: of("bareNestedWalk", which),
      nestedWalkMemoryCold: of("nestedWalkMemoryCold", which),
      bareNestedWalkMemoryCold: of("bareNestedWalkMemoryCold", which),
      stage1Walk: of("stage1Walk", which),
      tlbHit: of("tlbHit", which),
      transaction: of("transaction", which),
      configHit: of("configHit", which),
      command: of("command", which),
      dma1MiB: of("dma1MiB", which),
      lookup: of("lookup", which),
      cWalk: c ? of("cWalk", which) : null,
      cWalkMemoryCold: c ? of("cWalkMemoryCold", which) : null,
    });
    const ns = figures(median);
    const over = (value: number, floor: number | null) => (floor === null ? null : Math.round((value / floor) * 100) / 100);
    return {
      ns,
      min: figures(min),
      ratio: {
        nestedWalk: over(ns.nestedWalk, ns.cWalk),
        bareNestedWalk: over(ns.bareNestedWalk, ns.cWalk),
        nestedWalkMemoryCold: over(ns.nestedWalkMemoryCold, ns.cWalkMemoryCold),
        bareNestedWalkMemoryCold: over(ns.bareNestedWalkMemoryCold, ns.cWalkMemoryCold),
        tlbHit: over(ns.tlbHit, ns.lookup) as number,
      },
      scaling: scales.map((pasids) => ({ pasids, nestedWalk: of(`nestedWalk ${pasids}`, median), tlbHit: of(`tlbHit ${pasids}`, median) })),
    };
  } finally {
    c?.close();
  }
}
const named = (name: string, measure: Measurement) => () => ({ [name]: measure() });
/** A pass goes to every page once. */
const inPasses = (name: string, pass: () => void) => named(name, () => timedPasses(PAGES, pass));

/** Whole transactions: configuration, TLB, walk, permissions, and their result; every page once, and so as many TLB entries whatever the number of PASIDs. One pass. */
function accesses(tables: WalkTables, { smmu }: Hardware, sid: number, ssid: (i: number) => number | null): () => void {
  // The addresses come one after the other from an array, as those of the floors do; a list of transactions would be more memory than the tables.
  const addresses = BigUint64Array.from(tables.addresses);
  const ssids = Array.from(addresses, (_, i) => ssid(i));
  const access = { sid, ssid: ssids[0], translated: false, address: 0n, write: false, priv: false, exec: false };
  const run = () => {
    for (let i = 0; i < addresses.length; i++) {
      access.address = addresses[i];
      access.ssid = ssids[i];
      const result = smmu.transact(access);
      if (typeof result === "string") throw new Error(`the measured access ended with ${result}`);
    }
  };
  run();
  return run;
}

/** Translations of reads by one stream and substream, whose configuration is in hand: TLB or walk, with every check of page-tables.md. One pass over all pages. */
function translations(tables: WalkTables, { smmu }: Hardware, sid: number, ssid: number | null): () => void {
  const configuration = configurationOf(smmu, sid, ssid);
  const [high, low] = halvesOf(tables);
  const read = { write: false, priv: false, exec: false };
  const run = () => {
    for (let i = 0; i < high.length; i++) {
      const pa = smmu.translation.address(configuration, high[i], low[i], read);
      if (typeof pa !== "number") throw new Error(`the measured access ended with ${pa.event}`);
    }
  };
  run();
  return run;
}

function configurationOf(smmu: Hardware["smmu"], sid: number, ssid: number | null): Configuration {
  const ste = smmu.configuration.ste(sid);
  const configuration = isFault(ste) ? ste : smmu.translation.configure(sid, ste, ssid);
  if (isFault(configuration)) throw new Error(`the bench's stream is not configured: ${configuration.event}`);
  return configuration;
}

/** The addresses as the walks take them. */
const halvesOf = (tables: WalkTables): Int32Array[] =>
  [1, 0].map((half) => Int32Array.from(tables.addresses, (va) => Number(BigInt.asIntN(32, va >> BigInt(32 * half)))));

/** 24 descriptor reads without configuration, access flag and permissions: what the C program does, with its sum. */
function bareWalks(tables: WalkTables, { smmu }: Hardware, c: CWalk | null): () => void {
  const { ste, cd } = configurationOf(smmu, NESTED_SID, 1);
  if (!cd) throw new Error("the bench's stream has no CD");
  const [s1, s2] = [stage1Table(cd, false, smmu.identity), stage2Table(ste, smmu.identity)];
  const [first, second] = [new Leaf(), new Leaf()];
  const { window } = tables.memory;
  if (!window) throw new Error("the bench's RAM has no window");
  const [high, low] = halvesOf(tables);
  let sum = 0;
  const run = () => {
    sum = 0;
    for (let i = 0; i < high.length; i++) {
      if (!walkNestedPages(window, s1, s2, high[i], low[i], first, second)) throw new Error("the measured walk found nothing");
      sum += second.address;
    }
  };
  run();
  const expected = c?.round().sum;
  if (expected !== undefined && expected !== BigInt(sum)) throw new Error(`the walk gives ${sum}, the walk in C ${expected}`);
  return run;
}

/** What a transaction asks first: what was derived from a cached STE and CD. */
function configurations({ smmu }: Hardware): Measurement {
  const COUNT = 10_000;
  const ste = smmu.configuration.ste(NESTED_SID);
  for (let i = 0; i < 8 && !isFault(ste); i++) smmu.translation.configure(NESTED_SID, ste, 1 + i);
  return () =>
    timedPasses(COUNT, () => {
      for (let i = 0; i < COUNT; i++) {
        if (!smmu.configuration.known(NESTED_SID, 1 + (i % 8))) throw new Error("the bench's stream is not configured");
      }
    });
}

function commands(tables: WalkTables, hardware: Hardware): Measurement {
  const { consume, count } = tables.commands(hardware);
  return () => timedPasses(count, consume);
}

/** One read of 1 MiB, all of its 256 pages in the TLB. */
function dma(hardware: Hardware): Measurement {
  const iova = BigInt(DMA_VA);
  const read = () => {
    if (!hardware.dma({ sid: NESTED_SID, ssid: 1, write: false, iova, length: MIB }).ok) throw new Error("the measured DMA was refused");
  };
  read();
  return () => timedPasses(1, read);
}

/** The floor of a TLB hit: an open-addressed table of typed arrays with the same keys, asked in the same order. */
function lookups(tables: WalkTables): () => void {
  const SLOTS = 2 ** Math.ceil(Math.log2(2 * PAGES));
  const [keys, values] = [new Float64Array(SLOTS), new Float64Array(SLOTS)];
  const pages = Float64Array.from(tables.addresses, (va) => Number(va / 4096n));
  const shift = 32 - Math.log2(SLOTS);
  const slotOf = (page: number) => Math.imul(page | 0, 0x9e37_79b1) >>> shift;
  for (const [i, page] of pages.entries()) {
    let slot = slotOf(page);
    while (keys[slot] !== 0) slot = (slot + 1) & (SLOTS - 1);
    keys[slot] = page;
    values[slot] = i;
  }
  const vas = tables.addresses.map(Number);
  let sum = 0;
  const run = () => {
    for (const va of vas) {
      const page = Math.floor(va / 4096);
      let slot = slotOf(page);
      while (keys[slot] !== page) slot = (slot + 1) & (SLOTS - 1);
      sum += values[slot];
    }
    if (sum < 0) throw new Error("the lookup was not done"); // keeps the sum, and so the loop, alive
  };
  return run;
}
