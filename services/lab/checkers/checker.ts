import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Read } from "./reading.ts";

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
  /** What it looks at: it is given nothing else, so that judging costs what is looked at, and a campaign records nothing else. */
  reads: readonly Read[];
  check(history: readonly TraceEvent[]): Violation[];
}
