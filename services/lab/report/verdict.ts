import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { brokenAssertions } from "../assertions/assertions.ts";
import type { Violation } from "../checkers/checker.ts";
import { judge } from "../checkers/index.ts";
import type { Scenario } from "../scenarios/load-scenario.ts";

export type Verdict = "pass" | "violation" | "error";
export interface Judgement {
  verdict: Verdict;
  violations: Violation[];
  error: string | null;
}

/** Judges a run by its history alone: the invariants first, then whether the workload ended as the hypothesis says. A fault that never happened proves nothing. */
export function judgeRun(scenario: Pick<Scenario, "rules" | "expect">, history: readonly TraceEvent[]): Judgement {
  const silent = scenario.rules.find(({ id }) => !history.some(({ kind, fields }) => kind === "edge.rule" && fields.rule === id));
  if (silent) return { verdict: "error", violations: [], error: `${silent.id} (${silent.direction} ${silent.what}) never happened` };
  const violations = [...judge(history), ...brokenAssertions(history)];
  if (!violations.length) violations.push(...unexpected(scenario.expect, history));
  return { verdict: violations.length ? "violation" : "pass", violations, error: null };
}

function unexpected(expect: Scenario["expect"], history: readonly TraceEvent[]): Violation[] {
  const end = history.findLast(({ kind }) => kind === "lab.workload-end" || kind === "lab.deadlock");
  const event = end ? [end.n] : [];
  if (end?.kind !== "lab.workload-end")
    return [{ invariant: "hypothesis", message: `the workload did not end: ${end?.fields.reason ?? "no end in the history"}`, events: event }];
  if ((end.fields.ok === true) !== (expect.workload === "succeeds")) {
    return [
      {
        invariant: "hypothesis",
        message: `expected that the workload ${expect.workload}, it ${end.fields.ok ? "succeeded" : `failed: ${end.fields.error}`}`,
        events: event,
      },
    ];
  }
  const error = String(end.fields.error ?? "");
  return expect.error && !error.includes(expect.error)
    ? [{ invariant: "hypothesis", message: `expected an error with "${expect.error}", got "${error}"`, events: event }]
    : [];
}
