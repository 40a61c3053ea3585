import { percentile } from "../demo/summary.ts";
import { AtsMachine, COPY_BYTES } from "./ats-machine.ts";
import { atcHits, bareCopies, copies, invalidations, lookups, type Measurement, pageRequests, requests, transactions } from "./ats-measurements.ts";
import { WalkTables } from "./walk-machine.ts";

export interface Figure {
  median: number;
  min: number;
}
/** ns of one operation, over the rounds. */
export interface AtsFigures {
  /** An access that the function's ATC permits. */
  atcHit: Figure;
  /** Floor of it: a typed-array lookup of the same keys. */
  lookup: Figure;
  /** Translation request to completion, its translation in the TLB; and with a nested walk. */
  atsHit: Figure;
  atsWalk: Figure;
  /** Floor of it: the SMMU's transaction for the same pages. */
  transaction: Figure;
  /** Page Request message to record in the PRI queue. */
  pageRequest: Figure;
  /** CMD_ATC_INV from queue to completion, with a full ATC: of 1 page, of 512, of all. */
  atcInv1: Figure;
  atcInv512: Figure;
  atcInvAll: Figure;
  /** Floor of it: CMD_ATC_INV to nobody. */
  atcInvNobody: Figure;
}
export interface Rate {
  median: number;
  max: number;
}
export interface Throughput {
  /** MiB a second: copy jobs of an accelerator, all pages in its ATC; the same bytes by a bare copy. */
  copyJob: Rate;
  bareCopy: Rate;
}
/** The same operations over more and more endpoints in turn. */
export interface AtsScaling {
  endpoints: number;
  atcHit: Figure;
  atsHit: Figure;
  pageRequest: Figure;
  atcInv1: Figure;
}
export interface AtsBench {
  ns: AtsFigures;
  mibPerSecond: Throughput;
  /** Of the minima, as other work of the machine does not enter them: times the floor's ns. */
  ratio: { atcHit: number; atsHit: number; atcInv1: number; copy: number };
  scaling: AtsScaling[];
}

export const ENDPOINT_SCALES = [1, 8, 64] as const;
const TLB = 65536;
/** A CMD_ATC_INV to a StreamID that no function has. */
const NOBODY = 1;

/** A warm-up, then `rounds` rounds with every measurement once in each, so that all see the same load of the machine. */
export function measureAts(rounds: number, scales: readonly number[] = ENDPOINT_SCALES): AtsBench {
  const tables = new WalkTables();
  const [one, cold] = [new AtsMachine(tables, 1, TLB), new AtsMachine(tables, 1, 0)];
  const measurements = new Map<string, Measurement>([
    ["atcHit", atcHits(one, tables)],
    ["lookup", lookups(tables)],
    ["atsHit", requests(one, tables)],
    ["atsWalk", requests(cold, tables)],
    ["transaction", transactions(one, tables)],
    ["pageRequest", pageRequests(one)],
    ["atcInv1", invalidations(one, 0, 128)],
    ["atcInv512", invalidations(one, 9, 2)],
    ["atcInvAll", invalidations(one, 52, 1)],
    ["atcInvNobody", invalidations(one, 0, 128, NOBODY)],
    ["copyJob", copies(one)],
    ["bareCopy", bareCopies(one, tables)],
  ]);
  for (const count of scales) {
    const machine = new AtsMachine(tables, count, TLB);
    measurements.set(`atcHit ${count}`, atcHits(machine, tables));
    measurements.set(`atsHit ${count}`, requests(machine, tables));
    measurements.set(`pageRequest ${count}`, pageRequests(machine));
    measurements.set(`atcInv1 ${count}`, invalidations(machine, 0, 128));
  }
  const samples = new Map<string, number[]>();
  for (let round = -1; round < rounds; round++) {
    for (const [name, measure] of measurements) {
      const value = measure();
      if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), value]);
    }
  }
  const rounded = (value: number) => Math.round(value * 10) / 10;
  const figure = (name: string): Figure => ({ median: percentile(samples.get(name)!, 0.5), min: rounded(Math.min(...samples.get(name)!)) });
  const rate = (name: string): Rate => {
    const rates = samples.get(name)!.map((ns) => COPY_BYTES / 2 ** 20 / (ns / 1e9));
    return { median: percentile(rates, 0.5), max: rounded(Math.max(...rates)) };
  };
  const over = (name: string, floor: string) => Math.round((figure(name).min / figure(floor).min) * 100) / 100;
  return {
    ns: {
      atcHit: figure("atcHit"),
      lookup: figure("lookup"),
      atsHit: figure("atsHit"),
      atsWalk: figure("atsWalk"),
      transaction: figure("transaction"),
      pageRequest: figure("pageRequest"),
      atcInv1: figure("atcInv1"),
      atcInv512: figure("atcInv512"),
      atcInvAll: figure("atcInvAll"),
      atcInvNobody: figure("atcInvNobody"),
    },
    mibPerSecond: { copyJob: rate("copyJob"), bareCopy: rate("bareCopy") },
    /** Of the minima, as other work of the machine does not enter them: times the floor's ns. */
    ratio: { atcHit: over("atcHit", "lookup"), atsHit: over("atsHit", "transaction"), atcInv1: over("atcInv1", "atcInvNobody"), copy: over("copyJob", "bareCopy") },
    scaling: scales.map((endpoints) => ({
      endpoints,
      atcHit: figure(`atcHit ${endpoints}`),
      atsHit: figure(`atsHit ${endpoints}`),
      pageRequest: figure(`pageRequest ${endpoints}`),
      atcInv1: figure(`atcInv1 ${endpoints}`),
    })),
  };
}
