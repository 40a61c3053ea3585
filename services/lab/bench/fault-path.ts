import type { Machine } from "@faultline/shared/machine/machine.ts";
import { roundTrips } from "../demo/round-trips.ts";
import { percentile } from "../demo/summary.ts";
import { Random } from "../simulation/random.ts";
import type { RunningMachine } from "../supervisor/running-machine.ts";
import type { Floor } from "./floor.ts";

/** Figures of one side, medians of the rounds: round trips in us with one in flight, round trips per second with more. */
export interface PathFigures {
  p50: number;
  p99: number;
  perSecond16: number;
  perSecond64: number;
}
export interface FaultPathResult {
  floor: PathFigures;
  product: PathFigures;
  ratio: { p50: number; p99: number; throughput16: number; throughput64: number };
}

export const IN_FLIGHT = [1, 16, 64] as const;
const PAGE = 4096;
/** Round trips of one measurement. */
const COUNT = 512;
const JOB_TIMEOUT_NS = 120e9;

/** The default machine with as many page requests outstanding as the measurement wants, and queues that hold them. */
export const benchMachine = (machine: Machine, inFlight: number): Machine => ({
  ...machine,
  smmu: { ...machine.smmu, priqLog2: 8, eventqLog2: 8, cmdqLog2: 8 },
  endpoints: machine.endpoints.map((endpoint) => ({ ...endpoint, credits: inFlight })),
});

/** One round: the floor and the product one after the other at each depth, so that both see the same load of the machine. */
async function round(floor: Floor, product: ReadonlyMap<number, RunningMachine>): Promise<{ floor: PathFigures; product: PathFigures }> {
  const sides = { floor: { p50: 0, p99: 0, perSecond16: 0, perSecond64: 0 }, product: { p50: 0, p99: 0, perSecond16: 0, perSecond64: 0 } };
  for (const inFlight of IN_FLIGHT) {
    const measured = { floor: await floor.measure({ inFlight, count: COUNT }), product: await faults(product.get(inFlight)!) };
    for (const side of ["floor", "product"] as const) {
      const { roundTripsUs, perSecond } = measured[side];
      if (inFlight === 1) Object.assign(sides[side], { p50: percentile(roundTripsUs, 0.5), p99: percentile(roundTripsUs, 0.99) });
      else sides[side][`perSecond${inFlight}`] = perSecond;
    }
  }
  return sides;
}

/** A job over pages that are all missing, one page in each group. */
async function faults(machine: RunningMachine): Promise<{ roundTripsUs: number[]; perSecond: number }> {
  const random = new Random(1);
  const bytes = Uint8Array.from({ length: COUNT * PAGE }, () => random.uint32() & 0xff);
  const seen = (await machine.history()).length;
  const end = await machine.runWorkload([{ name: "input", bytes }], { operation: "sha256", file: "input", pagesPerGroup: 1, jobTimeoutNs: JOB_TIMEOUT_NS });
  if (!end.ended || !end.result.ok) throw new Error(`the measured job failed: ${end.ended ? end.result.error : end.reason}`);
  return roundTrips((await machine.history()).slice(seen));
}

/** A warm-up, then `rounds` rounds; the medians of each figure. */
export async function measureFaultPath(floor: Floor, product: ReadonlyMap<number, RunningMachine>, rounds: number): Promise<FaultPathResult> {
  await round(floor, product);
  const all: Awaited<ReturnType<typeof round>>[] = [];
  for (let i = 0; i < rounds; i++) all.push(await round(floor, product));
  const medians = (side: "floor" | "product"): PathFigures => {
    const median = (figure: keyof PathFigures) =>
      percentile(
        all.map((one) => one[side][figure]),
        0.5,
      );
    return { p50: median("p50"), p99: median("p99"), perSecond16: median("perSecond16"), perSecond64: median("perSecond64") };
  };
  const [low, high] = [medians("floor"), medians("product")];
  const ratio = (figure: keyof PathFigures) => Math.round((high[figure] / low[figure]) * 100) / 100;
  return { floor: low, product: high, ratio: { p50: ratio("p50"), p99: ratio("p99"), throughput16: ratio("perSecond16"), throughput64: ratio("perSecond64") } };
}
