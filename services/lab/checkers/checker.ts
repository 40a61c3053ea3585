import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

export interface Violation {
  /** "INV-1". */
  invariant: string;
  /** Names the group, frame or count, and where it can the action that is missing: "no CMD_CFGI_CD for PASID 5 between #812 and #840". */
  message: string;
  /** The `n` of the events that show it. */
  events: number[];
}

/** Judges a recorded history, and nothing else: old runs can be judged again by new checkers. What was left at the end is in the history too (`*.counts`, `lab.data-checked`). */
export interface Checker {
  id: string;
  /** The invariant in one sentence. */
  sentence: string;
  /** The kinds that it looks at: it is given no others, so that judging costs what is looked at. */
  reads: readonly TraceKind[];
  check(history: readonly TraceEvent[]): Violation[];
}
