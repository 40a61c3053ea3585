import { awaitedKinds } from "@faultline/shared/lab/fault-rule.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { type AssertionCount, countAssertions } from "../assertions/assertion.ts";
import { assertions } from "../assertions/assertions.ts";
import { JUDGED } from "../checkers/index.ts";
import { courseDigest } from "../history/course-digest.ts";
import { brokenOff } from "../history/final-state.ts";
import { type Judgement, judgeRun } from "../report/verdict.ts";
import { runExperiment } from "../scenarios/experiment.ts";
import type { Scenario } from "../scenarios/load-scenario.ts";
import { type RunningSimulation, startSimulation } from "../simulation/running-simulation.ts";
import type { Recorded } from "../simulation/tracer.ts";

/** What one experiment of a campaign came to. */
export interface JudgedRun {
  judgement: Judgement;
  assertions: AssertionCount[];
  /** `completeFaults`. */
  faults: number;
  /** Events recorded, and the digest of their course: it is not the digest of `run`, which is that of every event's line. */
  events: number;
  digest: string;
}

/** What the history of a scenario must hold to be judged: what checkers and assertions read, and what its own faults wait for. */
export function recordedFor({ rules, partFaults, heal }: Scenario): Recorded {
  const recorded = new Set(JUDGED);
  for (const kind of awaitedKinds(rules)) recorded.add(kind);
  for (const { when, until } of partFaults) for (const kind of [when.after, until]) if (kind !== undefined) recorded.add(kind);
  if (heal && "event" in heal.at) recorded.add(heal.at.event);
  return recorded;
}

/** The events of one simulated experiment that are judged; what breaks it off is the last of them, and the only one of a machine that does not boot. */
export async function judgedHistory(scenario: Scenario, seed: number, switches: Iterable<string>): Promise<TraceEvent[]> {
  let running: RunningSimulation | null = null;
  try {
    running = await startSimulation(scenario.machine, { seed, switches: new Set(switches), recorded: recordedFor(scenario) });
    return await runExperiment(scenario, running, seed);
  } catch (error) {
    return brokenOff((await running?.history()) ?? [], error instanceof Error ? error.message : String(error));
  } finally {
    await running?.close();
  }
}

/** Complete faults: page request groups that the function got an answer for. */
export const completeFaults = (history: readonly TraceEvent[]): number =>
  history.reduce((count, { kind, fields }) => count + (kind === "endpoint.prg-response" && fields.accepted === true ? 1 : 0), 0);

/**
 * One experiment in the simulation, recorded as far as it is judged. Verdict, violations and counts are those of `faultline run` with that seed; the events they name are numbered in this history.
 */
export async function judgedRun(scenario: Scenario, seed: number, switches: Iterable<string>): Promise<JudgedRun> {
  const history = await judgedHistory(scenario, seed, switches);
  return {
    judgement: judgeRun(scenario, history),
    assertions: countAssertions(assertions, history),
    faults: completeFaults(history),
    events: history.length,
    digest: courseDigest(history),
  };
}
