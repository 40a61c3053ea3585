import { createHash } from "node:crypto";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { eventText } from "../history/event-text.ts";
import { inputOf, workloadOf } from "../scenarios/experiment.ts";
import { cut } from "./markup.ts";
import type { ReportedScenario } from "./run-record.ts";

/** Lines of one list: what follows is in the history. */
const MOST = 40;

/**
 * What the run drew from its seed, by purpose: the input file, the seed of a workload program and the jobs that came of it, and when each fault happened. The schedule is the history itself.
 */
export function drawnIn(scenario: ReportedScenario, seed: number, history: readonly TraceEvent[]): Record<string, unknown> {
  const { fileBytes, workload, drawProgramSeed = false, rules, partFaults = [] } = scenario;
  const faults = [...rules, ...partFaults].map(({ id }) => [
    id,
    some(history.filter(({ fields }) => fields.rule === id).map(({ n, fields }) => `#${n} ${fields.do ?? fields.did}`)),
  ]);
  return {
    ...(fileBytes ? { file: { bytes: fileBytes, sha256: createHash("sha256").update(inputOf({ fileBytes }, seed)).digest("hex") } } : {}),
    ...(workload?.program
      ? {
          programSeed: workloadOf({ workload, drawProgramSeed }, seed).program!.seed,
          jobs: some(history.filter(({ kind }) => kind === "guest.job-submitted").map((event) => cut(`#${event.n} ${eventText(event)}`, 200))),
        }
      : {}),
    ...(faults.length ? { faults: Object.fromEntries(faults) } : {}),
  };
}

const some = (lines: readonly string[]): string[] => (lines.length > MOST ? [...lines.slice(0, MOST), `and ${lines.length - MOST} more`] : [...lines]);
