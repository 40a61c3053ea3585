import { stage1Table, stage2Table } from "@faultline/smmu/core/configuration.ts";
import { isFault } from "@faultline/smmu/core/fault.ts";
import type { Hardware } from "@faultline/smmu/core/hardware.ts";
import { Leaf } from "@faultline/smmu/core/page-table-walk/leaf.ts";
import { walkNestedPages } from "@faultline/smmu/core/page-table-walk/nested.ts";
import { percentile } from "../demo/summary.ts";
import { type CWalk, compileCWalk, PASSES } from "./walk-c.ts";
import { DMA_VA, MAX_PASIDS, NESTED_SID, PAGES, STAGE_1_SID, WalkTables } from "./walk-machine.ts";

/** Medians over the rounds, in ns of one operation. */
export interface WalkFigures {
  nestedWalk: number;
  bareNestedWalk: number;
  stage1Walk: number;
  tlbHit: number;
  configHit: number;
  command: number;
  dma1MiB: number;
  lookup: number;
  cWalk: number | null;
}
/** The same accesses over more and more PASIDs. */
export interface WalkScaling {
  pasids: number;
  nestedWalk: number;
  tlbHit: number;
}
export interface WalkBench {
  ns: WalkFigures;
  /** design.md, section 8: nested walk <= 4, bare walk <= 2.5 of the walk in C; TLB hit <= 4 of the lookup. */
  ratio: { nestedWalk: number | null; bareNestedWalk: number | null; tlbHit: number };
  scaling: WalkScaling[];
}

const SCALES = [1, 10, 100, 1000, MAX_PASIDS];
const MIB = 2 ** 20;
const TLB = 65536;

type Measurement = () => number;

/** ns of one of `count` operations. */
function timed(count: number, run: () => void): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / count;
}

/** ns of one of `count` operations of a pass, over all the passes of a round. */
const timedPasses = (count: number, pass: () => void): number =>
  timed(count * PASSES, () => {
    for (let i = 0; i < PASSES; i++) pass();
  });

/** A warm-up, then `rounds` rounds with every measurement once in each, so that all see the same load of the machine. */
export function measureWalk(rounds: number): WalkBench {
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
    const measurements = new Map<string, Measurement>([
      ["nestedWalk", accesses(tables, cold, NESTED_SID, () => 1)],
      ["bareNestedWalk", bareWalks(tables, cold, c)],
      ["stage1Walk", accesses(tables, cold, STAGE_1_SID, () => null)],
      ["tlbHit", accesses(tables, warm, NESTED_SID, () => 1)],
      ["configHit", configurations(cold)],
      ["command", commands(tables, cold)],
      ["dma1MiB", dma(warm)],
      ["lookup", lookups(tables)],
      ...(c ? ([["cWalk", () => c.round().ns]] as const) : []),
    ]);
    for (const pasids of SCALES) {
      // Each scale has a TLB of its own: all its entries stay.
      const hot = tables.hardware(TLB);
      measurements.set(
        `nestedWalk ${pasids}`,
        accesses(tables, cold, NESTED_SID, (i) => 1 + (i % pasids)),
      );
      measurements.set(
        `tlbHit ${pasids}`,
        accesses(tables, hot, NESTED_SID, (i) => 1 + (i % pasids)),
      );
    }
    const samples = new Map<string, number[]>();
    for (let round = -1; round < rounds; round++) {
      for (const [name, measure] of measurements) {
        const ns = measure();
        if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), ns]);
      }
    }
    const median = (name: string) => Math.round(percentile(samples.get(name) as number[], 0.5) * 10) / 10;
    const [nestedWalk, bareNestedWalk, tlbHit, lookup] = ["nestedWalk", "bareNestedWalk", "tlbHit", "lookup"].map(median);
    const cWalk = c ? median("cWalk") : null;
    const over = (value: number, floor: number | null) => (floor === null ? null : Math.round((value / floor) * 100) / 100);
    return {
      ns: {
        nestedWalk,
        bareNestedWalk,
        stage1Walk: median("stage1Walk"),
        tlbHit,
        configHit: median("configHit"),
        command: median("command"),
        dma1MiB: median("dma1MiB"),
        lookup,
        cWalk,
      },
      ratio: { nestedWalk: over(nestedWalk, cWalk), bareNestedWalk: over(bareNestedWalk, cWalk), tlbHit: over(tlbHit, lookup) as number },
      scaling: SCALES.map((pasids) => ({ pasids, nestedWalk: median(`nestedWalk ${pasids}`), tlbHit: median(`tlbHit ${pasids}`) })),
    };
  } finally {
    c?.close();
  }
}

/** Whole transactions: configuration, TLB, walk, permissions; every page once, and so as many TLB entries whatever the number of PASIDs. */
function accesses(tables: WalkTables, { smmu }: Hardware, sid: number, ssid: (i: number) => number | null): Measurement {
  const list = tables.addresses.map((address, i) => ({
    sid,
    ssid: ssid(i),
    translated: false,
    address,
    write: false,
    priv: false,
    exec: false,
  }));
  const run = () => {
    for (const access of list) {
      const result = smmu.transact(access);
      if (typeof result === "string") throw new Error(`the measured access ended with ${result}`);
    }
  };
  run();
  return () => timedPasses(list.length, run);
}

/** 24 descriptor reads without configuration, access flag and permissions: what the C program does, with its sum. */
function bareWalks(tables: WalkTables, { smmu }: Hardware, c: CWalk | null): Measurement {
  const ste = smmu.configuration.ste(NESTED_SID);
  const configuration = isFault(ste) ? ste : smmu.translation.configure(NESTED_SID, ste, 1);
  if (isFault(ste) || isFault(configuration) || !configuration.cd) throw new Error("the bench's stream is not configured");
  const [s1, s2] = [stage1Table(configuration.cd, false, smmu.identity), stage2Table(ste, smmu.identity)];
  const [first, second] = [new Leaf(), new Leaf()];
  const { window } = tables.memory;
  if (!window) throw new Error("the bench's RAM has no window");
  const [high, low] = [1, 0].map((half) => Int32Array.from(tables.addresses, (va) => Number(BigInt.asIntN(32, va >> BigInt(32 * half)))));
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
  return () => timedPasses(high.length, run);
}

/** What a transaction asks first: what was derived from a cached STE and CD. */
function configurations({ smmu }: Hardware): Measurement {
  const COUNT = 10_000;
  const ste = smmu.configuration.ste(NESTED_SID);
  for (let i = 0; i < 8 && !isFault(ste); i++) smmu.translation.configure(NESTED_SID, ste, 1 + i);
  return () =>
    timed(COUNT, () => {
      for (let i = 0; i < COUNT; i++) {
        if (!smmu.configuration.known(NESTED_SID, 1 + (i % 8))) throw new Error("the bench's stream is not configured");
      }
    });
}

function commands(tables: WalkTables, hardware: Hardware): Measurement {
  const { consume, count } = tables.commands(hardware);
  const QUEUES = 8;
  return () =>
    timed(QUEUES * count, () => {
      for (let i = 0; i < QUEUES; i++) consume();
    });
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
function lookups(tables: WalkTables): Measurement {
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
  return () => timedPasses(vas.length, run);
}
