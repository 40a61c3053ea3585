import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

export interface Violation {
  /** "INV-1". */
  invariant: string;
  message: string;
  /** The `n` of the events that show it. */
  events: number[];
}

/** Judges a recorded history, and nothing else: old runs can be judged again by new checkers. */
export interface Checker {
  id: string;
  /** The invariant in one sentence. */
  sentence: string;
  check(history: readonly TraceEvent[]): Violation[];
}
