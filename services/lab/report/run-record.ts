import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { type AssertionCount, countAssertions } from "../assertions/assertion.ts";
import { assertions } from "../assertions/assertions.ts";
import { historyBytes, historyDigest } from "../history/history.ts";
import type { Scenario } from "../scenarios/load-scenario.ts";
import { type Counters, countersOf } from "./counters.ts";
import { drawnIn } from "./drawn.ts";
import type { Judgement } from "./verdict.ts";

/** What a report says about its scenario: `machine`, `workload` and `fileBytes` when it is known what ran. */
export type ReportedScenario = Pick<Scenario, "id" | "title" | "source" | "hypothesis" | "rules" | "expect"> &
  Partial<Pick<Scenario, "machine" | "workload" | "fileBytes" | "drawProgramSeed" | "partFaults" | "heal">>;

export interface RunConditions {
  mode: string;
  seed: number;
  mutants: string[];
  /** The command that reproduces the run. */
  command: string;
  /** What `git describe` says of the checkout that ran it; absent: no checkout. */
  commit?: string;
  /** Whatever else was drawn or chosen for this run. */
  parameters?: Record<string, unknown>;
}

/** Everything that the files of a report are written from. */
export interface RunRecord {
  scenario: ReportedScenario;
  how: RunConditions;
  judgement: Judgement;
  history: readonly TraceEvent[];
  /** `history.ndjson`, and its sha256. */
  lines: Uint8Array;
  digest: string;
  counters: Counters;
  assertions: AssertionCount[];
  /** Every parameter of the run, drawn or chosen. */
  parameters: Record<string, unknown>;
}

export function recordRun(scenario: ReportedScenario, how: RunConditions, judgement: Judgement, history: readonly TraceEvent[]): RunRecord {
  const lines = historyBytes(history);
  const counts = countAssertions(assertions, history);
  const { machine, workload, fileBytes, rules, partFaults = [], heal = null } = scenario;
  return {
    scenario,
    how,
    judgement,
    history,
    lines,
    digest: historyDigest(lines),
    counters: countersOf(history, counts),
    assertions: counts,
    parameters: {
      seed: how.seed,
      mode: how.mode,
      mutants: how.mutants,
      ...how.parameters,
      drawn: drawnIn(scenario, how.seed, history),
      workload,
      fileBytes,
      faults: [...rules, ...partFaults],
      heal,
      machine,
    },
  };
}
