import { cpus } from "node:os";
import type { Figure } from "./ats.ts";
import { RULE_COUNTS } from "./rule-evaluation.ts";
import { type FaultCost, measureSim, type SimBench } from "./sim.ts";

/** `faultline bench sim`: the simulation and its experiments, and what rules cost. */
export async function reportSim(rounds: number, json: boolean): Promise<number> {
  const result = await measureSim(rounds);
  const [cpu] = cpus();
  const report = { schema: "faultline-bench/1", machine: { cpus: cpus().length, model: cpu.model, node: process.version }, rounds, ...result };
  process.stdout.write(`${json ? JSON.stringify(report) : text(result, rounds)}\n`);
  return 0;
}

const text = ({ faultsPerSecond, experimentsPerSecond, startMs, best, budget, faults, everything, experiment, rules }: SimBench, rounds: number): string =>
  [
    `simulation, ${rounds} rounds                   median        best`,
    rate(
      "complete faults a second",
      faultsPerSecond,
      best.faultsPerSecond,
      verdict(`>= ${budget.faultsPerSecond}`, faultsPerSecond >= budget.faultsPerSecond, best.faultsPerSecond >= budget.faultsPerSecond),
    ),
    rate("start to first fault, ms", startMs, best.startMs, verdict(`<= ${budget.startMs}`, startMs <= budget.startMs, best.startMs <= budget.startMs)),
    rate(`experiments a second (${experiment.scenario})`, experimentsPerSecond, best.experimentsPerSecond),
    ...Object.entries(faults).flatMap(([inFlight, cost]) => costOf(`${inFlight} in flight, what is judged recorded`, cost)),
    ...costOf(`${Object.keys(faults).at(-1)} in flight, everything recorded: ${everything.faultsPerSecond} a second`, everything),
    "ns of a message",
    row("  nothing armed", rules.none),
    ...(["elsewhere", "matching", "condition"] as const).flatMap((kind) => RULE_COUNTS.map((count) => row(`  ${count} ${kind}`, rules[kind][count]))),
    row("  its records decoded", rules.decode),
    row("  a hop of the simulation", rules.hop.simulated, `10 conditions: x ${rules.ratio.toFixed(2)}`),
    ...(rules.hop.grpc ? [row("  a bare gRPC hop", rules.hop.grpc)] : []),
  ].join("\n");

const costOf = (what: string, cost: FaultCost): string[] => [
  `us of a fault, ${what}: ${cost.events} events, ${cost.messages} messages`,
  row("  simulate, record", cost.simulate),
  row("  all checkers", cost.judge),
  row("  digest", cost.digest),
  row("  complete", cost.complete, `x ${cost.ratio.toFixed(2)} of floor`),
  row("  floor: macrotask, JSON line", cost.floor),
];

const verdict = (budget: string, byMedian: boolean, byBest: boolean): string =>
  `budget ${budget}: ${byMedian ? "held" : byBest ? "held by the best round only" : "missed"}`;
const rate = (name: string, median: number, best: number, note = ""): string => line(name, median, best, note);
const row = (name: string, { median, min }: Figure, note = ""): string => line(name, median, min, note);
const line = (name: string, first: number, second: number, note: string): string =>
  `${name.padEnd(46)}${first.toFixed(1).padStart(10)}${second.toFixed(1).padStart(12)}${note && `   ${note}`}`;
