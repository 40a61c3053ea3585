import { defaultMachine, type Machine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { completeFaults, recordedFor } from "../campaign/judged-run.ts";
import { courseDigest } from "../history/course-digest.ts";
import { historyBytes, historyDigest } from "../history/history.ts";
import { judgeRun } from "../report/verdict.ts";
import { runExperiment } from "../scenarios/experiment.ts";
import type { Scenario } from "../scenarios/load-scenario.ts";
import { startSimulation } from "../simulation/running-simulation.ts";
import { coreMs } from "./core-time.ts";
import { benchMachine } from "./fault-path.ts";

const SEED = 1;
const PAGE = 4096;

/** What is recorded: what will be judged, as `faultline campaign` does, or everything, as `faultline run` does for its report. */
export type Recording = "judged" | "everything";

/** One experiment as a campaign does it, or `faultline run` without the files of its report. Milliseconds of a core. */
export interface Experiment {
  /** From nothing to the first page request of the workload. */
  startMs: number;
  /** From there on: workload and rest, recorded. */
  simulateMs: number;
  /** All checkers and assertions. */
  judgeMs: number;
  /** The digest of the course; with everything recorded the history as lines, and theirs. */
  digestMs: number;
  /** All of it. */
  totalMs: number;
  /** Groups that the function got an answer for. */
  groups: number;
  history: readonly TraceEvent[];
}

/** Runs a scenario once. Throws when it does not pass: what was measured would be something else. */
export async function experiment(scenario: Scenario, recording: Recording = "judged", encode = false): Promise<Experiment> {
  const from = coreMs();
  const recorded = recording === "judged" ? recordedFor(scenario) : undefined;
  const running = await startSimulation(scenario.machine, { seed: SEED, switches: new Set([...scenario.mutants, ...scenario.defects]), encode, recorded });
  let firstFault = Number.NaN;
  running.machine.watch(({ kind }) => {
    if (kind === "endpoint.page-request") firstFault ||= coreMs();
  });
  const history = await runExperiment(scenario, running, SEED);
  await running.close();
  const simulated = coreMs();
  const judgement = judgeRun(scenario, history);
  const judged = coreMs();
  if (recording === "judged") courseDigest(history);
  else historyDigest(historyBytes(history));
  const written = coreMs();
  if (judgement.verdict !== "pass") throw new Error(`the measured experiment did not pass: ${judgement.error ?? judgement.violations[0]?.message}`);
  return {
    startMs: firstFault - from,
    simulateMs: simulated - firstFault,
    judgeMs: judged - simulated,
    digestMs: written - judged,
    totalMs: written - from,
    groups: completeFaults(history),
    history,
  };
}

/** One accelerator that reads `pages` pages, all missing and each a page request group of its own, `inFlight` of them open at a time. */
export function manyFaults(pages: number, inFlight: number, machine: Machine = defaultMachine): Scenario {
  return {
    id: "many-faults",
    title: "Nothing fails",
    source: "design.md, section 8",
    seed: SEED,
    hypothesis: "every group is answered and every page read",
    machine: benchMachine(machine, inFlight),
    machineSections: [],
    workload: { operation: "sha256", file: "input", pagesPerGroup: 1, jobTimeoutNs: 120e9 },
    drawProgramSeed: false,
    fileBytes: pages * PAGE,
    defects: [],
    mutants: [],
    rules: [],
    partFaults: [],
    heal: null,
    simOnly: null,
    expect: { workload: "succeeds" },
  };
}

/** Messages that cross an edge in a history that holds everything. */
export const messagesOf = (history: readonly TraceEvent[]): number => history.filter(({ kind }) => kind === "edge.deliver").length;

/** The floor of an experiment (design.md, section 8): one macrotask per message and one line per event of its own history. Milliseconds of a core. */
export async function floorMs(history: readonly TraceEvent[], messages: number): Promise<number> {
  const from = coreMs();
  const lines: string[] = [];
  for (let i = 0; i < messages; i++) await new Promise((resolve) => setImmediate(resolve));
  for (const event of history) lines.push(JSON.stringify(event));
  const text = lines.join("\n");
  const ms = coreMs() - from;
  if (text.length < history.length) throw new Error("the lines were not written"); // keeps them alive
  return ms;
}
