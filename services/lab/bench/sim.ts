import { percentile } from "../demo/summary.ts";
import { loadScenario, type Scenario } from "../scenarios/load-scenario.ts";
import type { Figure } from "./ats.ts";
import { startFloor } from "./floor.ts";
import { decoding, RULE_COUNTS, RULE_KINDS, type RuleKind, ruleEvaluation, simulatedHops } from "./rule-evaluation.ts";
import { experiment, floorMs, manyFaults, messagesOf, type Recording } from "./sim-experiment.ts";

/** us of one complete fault, over the rounds: an experiment from its first page request on, divided by its groups. */
export interface FaultCost {
  /** Workload and rest, recorded; then all checkers and assertions; then the digest: of the course, or, with everything recorded, of the lines. */
  simulate: Figure;
  judge: Figure;
  digest: Figure;
  complete: Figure;
  /** One macrotask per message and one line per event of the same history. */
  floor: Figure;
  /** The complete fault by its floor, of the minima. */
  ratio: number;
  events: number;
  messages: number;
}

export interface SimBench {
  /** Complete faults and small experiments of a campaign in a second of one core, medians: recorded as far as they are judged, judged by all checkers, their course hashed. */
  faultsPerSecond: number;
  experimentsPerSecond: number;
  /** From nothing to the first page request, in a warm process, ms of a core. */
  startMs: number;
  /** The most, and the least, as other work of the machine does not enter them. */
  best: { faultsPerSecond: number; experimentsPerSecond: number; startMs: number };
  /** design.md, section 8. */
  budget: { faultsPerSecond: number; startMs: number };
  /** By page requests in flight. */
  faults: Record<string, FaultCost>;
  /** The same with every event in the history, as `run` has it for its report: the first of the numbers in flight. */
  everything: FaultCost & { faultsPerSecond: number };
  experiment: { scenario: string; ms: Figure };
  /** ns of one message. */
  rules: {
    /** Nothing armed: the flag test. */
    none: Figure;
    elsewhere: Record<string, Figure>;
    matching: Record<string, Figure>;
    condition: Record<string, Figure>;
    decode: Figure;
    hop: { simulated: Figure; grpc: Figure | null };
    /** Ten rules with conditions by a hop of the simulation, of the minima. */
    ratio: number;
  };
}

const BUDGET = { faultsPerSecond: 10_000, startMs: 20 } as const;
/** The small experiment: a message is lost, the driver recovers, the machine heals and works once more. */
const SMALL = "drop-page-response";
const HOPS = 6;
const EVERYTHING = "everything";

export interface SimBenchSize {
  pages: number;
  inFlight: readonly [number, ...number[]];
  experiments: number;
  messages: number;
  warmUp: number;
  grpc: boolean;
}
const FULL_SIZE: SimBenchSize = { pages: 1024, inFlight: [32, 1], experiments: 5, messages: 20_000, warmUp: 12, grpc: true };

/** Rounds with every measurement once in each, so that all see the same load of the machine, after some that warm the process up. */
export async function measureSim(rounds: number, size: SimBenchSize = FULL_SIZE): Promise<SimBench> {
  const small = loadScenario(SMALL);
  const floor = size.grpc ? await startFloor() : null;
  const samples = new Map<string, number[]>();
  const counts = new Map<string, { events: number; messages: number }>();
  const runs = size.inFlight.map((inFlight): { name: string; scenario: Scenario; recording: Recording } => ({
    name: String(inFlight),
    scenario: manyFaults(size.pages, inFlight),
    recording: "judged",
  }));
  runs.push({ ...runs[0], name: EVERYTHING, recording: "everything" });
  const messages = new Map<Scenario, number>();
  for (const { scenario } of runs) messages.set(scenario, messagesOf((await experiment(scenario, "everything")).history));
  const rules = ruleMeasurements(size.messages);
  try {
    for (let round = -size.warmUp; round < rounds; round++) {
      const sample = (name: string, value: number) => {
        if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), value]);
      };
      for (const { name, scenario, recording } of runs) {
        const { history, groups, ...ms } = await experiment(scenario, recording);
        for (const phase of ["simulate", "judge", "digest"] as const) sample(`${phase} ${name}`, (ms[`${phase}Ms`] * 1000) / groups);
        sample(`complete ${name}`, ((ms.totalMs - ms.startMs) * 1000) / groups);
        sample(`floor ${name}`, ((await floorMs(history, messages.get(scenario)!)) * 1000) / groups);
        counts.set(name, { events: history.length / groups, messages: messages.get(scenario)! / groups });
      }
      for (let i = 0; i < size.experiments; i++) {
        const { totalMs, startMs } = await experiment(small);
        sample("experiment", totalMs);
        sample("start", startMs);
      }
      for (const [name, measure] of rules) sample(name, measure());
      sample("hop", await simulatedHops(size.messages));
      if (floor) sample("grpc", (percentile((await floor.measure({ inFlight: 1, count: 300 })).roundTripsUs, 0.5) * 1000) / HOPS);
    }
  } finally {
    floor?.close();
  }
  const figure = (name: string): Figure => figureOf(samples.get(name)!);
  const complete = figure(`complete ${size.inFlight[0]}`);
  const cost = (name: string) => faultCost(figure, name, counts.get(name)!);
  const [ms, start] = [figure("experiment"), figure("start")];
  const byCount = (kind: RuleKind) => Object.fromEntries(RULE_COUNTS.map((count) => [count, figure(`${kind} ${count}`)]));
  const hop = figure("hop");
  return {
    faultsPerSecond: Math.round(1e6 / complete.median),
    experimentsPerSecond: tenth(1e3 / ms.median),
    startMs: start.median,
    best: { faultsPerSecond: Math.round(1e6 / complete.min), experimentsPerSecond: tenth(1e3 / ms.min), startMs: start.min },
    budget: BUDGET,
    faults: Object.fromEntries(size.inFlight.map((inFlight) => [inFlight, cost(String(inFlight))])),
    everything: { faultsPerSecond: Math.round(1e6 / figure(`complete ${EVERYTHING}`).median), ...cost(EVERYTHING) },
    experiment: { scenario: SMALL, ms },
    rules: {
      none: figure("none"),
      elsewhere: byCount("elsewhere"),
      matching: byCount("matching"),
      condition: byCount("condition"),
      decode: figure("decode"),
      hop: { simulated: hop, grpc: floor ? figure("grpc") : null },
      ratio: hundredth(figure("condition 10").min / hop.min),
    },
  };
}

function ruleMeasurements(messages: number): [name: string, measure: () => number][] {
  return [
    ["none", ruleEvaluation("matching", 0, messages)],
    ...RULE_KINDS.flatMap((kind) => RULE_COUNTS.map((count): [string, () => number] => [`${kind} ${count}`, ruleEvaluation(kind, count, messages)])),
    ["decode", decoding(messages)],
  ];
}

function faultCost(figure: (name: string) => Figure, run: string, { events, messages }: { events: number; messages: number }): FaultCost {
  const [simulate, judge, digest, complete, floor] = ["simulate", "judge", "digest", "complete", "floor"].map((name) => figure(`${name} ${run}`));
  return { simulate, judge, digest, complete, floor, ratio: hundredth(complete.min / floor.min), events: tenth(events), messages: tenth(messages) };
}

const tenth = (value: number): number => Math.round(value * 10) / 10;
const hundredth = (value: number): number => Math.round(value * 100) / 100;
const figureOf = (values: readonly number[]): Figure => ({ median: percentile(values, 0.5), min: tenth(Math.min(...values)) });
