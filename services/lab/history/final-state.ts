import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent, TraceFields } from "@faultline/shared/trace/tracer.ts";

/** What a service holds: a flat record of numbers, as its `counts()` gives it. */
export interface Counts {
  /** "guest0", "vmm0", "host", "smmu". */
  who: string;
  /** Before the workload; at rest after it; after everything was released. */
  phase: "baseline" | "end" | "released";
  counts: Record<string, number>;
}

/** One comparison of what the device wrote with what it should have written. */
export interface DataChecked {
  /** "sha256 of queue 0". */
  what: string;
  expected: string;
  actual: string;
}

const kindOf = (who: string): TraceKind => `${who.replace(/\d+$/, "") as "guest" | "vmm" | "host" | "smmu"}.counts`;

/**
 * The history with the final state behind it, as events of the lab's: so that a history alone can be judged, and judged again. Counts taken before the workload (`baseline`) may stand at the end
 * as well: the checkers go by `phase`.
 */
export function withFinalState(history: readonly TraceEvent[], state: { counts?: readonly Counts[]; data?: readonly DataChecked[] }): TraceEvent[] {
  const last = history.at(-1);
  const events = [...history];
  const append = (who: string, kind: TraceKind, fields: TraceFields) =>
    void events.push({ n: (events.at(-1)?.n ?? 0) + 1, t: last?.t ?? 0, lamport: 0, who, kind, ids: {}, fields, cause: null });
  const byPhase = [...(state.counts ?? [])].sort((a, b) => Number(b.phase === "baseline") - Number(a.phase === "baseline"));
  for (const { who, phase, counts } of byPhase) append(who, kindOf(who), { phase, ...counts });
  for (const { what, expected, actual } of state.data ?? []) append("lab", "lab.data-checked", { what, expected, actual, equal: actual === expected });
  return events;
}

/** The history of a run that could not go on, as its last event says. */
export const brokenOff = (history: readonly TraceEvent[], error: string): TraceEvent[] => {
  const last = history.at(-1);
  return [
    ...history,
    { n: (last?.n ?? 0) + 1, t: last?.t ?? 0, lamport: 0, who: "lab", kind: "lab.broken-off" satisfies TraceKind, ids: {}, fields: { error }, cause: null },
  ];
};
