import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { brokenAssertions } from "../assertions/assertions.ts";
import type { Violation } from "../checkers/checker.ts";
import { ASSERTED, checkers, partsOf, RUN_EVENTS } from "../checkers/index.ts";
import { withPhases } from "../checkers/phase.ts";
import { readBy } from "../checkers/reading.ts";
import type { Scenario } from "../scenarios/load-scenario.ts";
import type { Outcome } from "../scenarios/scenario-file.ts";
import { whereText } from "../scenarios/where.ts";

export type Verdict = "pass" | "violation" | "error";
export interface Judgement {
  verdict: Verdict;
  violations: Violation[];
  error: string | null;
}
type Judged = Pick<Scenario, "rules" | "expect"> & Partial<Pick<Scenario, "partFaults">>;

const parts = partsOf(checkers);
const readers = [{ reads: RUN_EVENTS }, { reads: ASSERTED }, ...parts];

/**
 * Judges a run by its history alone: the invariants first, then whether the workload ended as the hypothesis says. A fault that never happened proves nothing, and neither does a run that broke
 * off: whatever it had under way is open. One pass gives each checker, the assertions and the hypothesis what they read.
 */
export function judgeRun(scenario: Judged, history: readonly TraceEvent[]): Judgement {
  const [run, asserted, ...read] = readBy(readers, history);
  const broken = run.find(({ kind }) => kind === "lab.broken-off");
  if (broken) return { verdict: "error", violations: [], error: `the run broke off: ${broken.fields.error}` };
  const happened = new Set(run.map(({ fields }) => fields.rule));
  const faults = [
    ...scenario.rules.map(({ id, where }) => ({ id, text: whereText(where) })),
    ...(scenario.partFaults ?? []).map(({ id, part, do: what }) => ({ id, text: `${what} ${part}` })),
  ];
  const silent = faults.find(({ id }) => !happened.has(id));
  if (silent) return { verdict: "error", violations: [], error: `${silent.id} (${silent.text}) never happened` };
  const invariants = parts.flatMap(({ check }, index) => check(read[index]));
  const violations = withPhases([...invariants, ...brokenAssertions(asserted)], run);
  if (!violations.length) violations.push(...unexpected(scenario.expect, run));
  return { verdict: violations.length ? "violation" : "pass", violations, error: null };
}

/** The workload during the faults, and with `after` the one that runs when they are over. */
function unexpected({ workload, error, after }: Scenario["expect"], history: readonly TraceEvent[]): Violation[] {
  const first = history.findIndex(({ kind }) => kind === "lab.workload-start");
  const again = after === undefined ? -1 : history.findIndex(({ kind }, i) => i > first && kind === "lab.workload-start");
  const during = wrongEnd("the workload", workload, error, again < 0 ? history : history.slice(0, again));
  if (during.length || after === undefined) return during;
  return again < 0
    ? [{ invariant: "hypothesis", message: "the workload did not run again after heal", events: [] }]
    : wrongEnd("the workload after heal", after, undefined, history.slice(again));
}

function wrongEnd(what: string, expected: Outcome, error: string | undefined, history: readonly TraceEvent[]): Violation[] {
  const end = history.findLast(({ kind }) => kind === "lab.workload-end" || kind === "lab.deadlock");
  const wrong = (message: string): Violation[] => [{ invariant: "hypothesis", message, events: end ? [end.n] : [] }];
  if (end?.kind !== "lab.workload-end") return wrong(`${what} did not end: ${end?.fields.reason ?? "no end in the history"}`);
  if (expected !== "either" && (end.fields.ok === true) !== (expected === "succeeds"))
    return wrong(`expected that ${what} ${expected}, it ${end.fields.ok ? "succeeded" : `failed: ${end.fields.error}`}`);
  const text = String(end.fields.error ?? "");
  return error && !end.fields.ok && !text.includes(error) ? wrong(`expected an error with "${error}", got "${text}"`) : [];
}
