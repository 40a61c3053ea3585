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

/** Looks at some of the events of a history. */
interface Part {
  /** What it looks at: it is given nothing else, so that judging costs what is looked at, and a campaign records nothing else. */
  reads: readonly Read[];
  check(history: readonly TraceEvent[]): Violation[];
}

/** Judges a recorded history, and nothing else: old runs can be judged again by new checkers. What was left at the end is in the history too (`*.counts`, `lab.data-checked`). */
export interface Checker extends Part {
  id: string;
  /** The invariant in one sentence. */
  sentence: string;
  /** Of one that looks at several things (`inParts`): each is given what it reads itself. */
  parts?: readonly Part[];
}

/** A checker of an invariant that can be broken in several ways, each with its own events. */
export const inParts = (id: string, sentence: string, parts: readonly Part[]): Checker => ({
  id,
  sentence,
  parts,
  reads: [...new Set(parts.flatMap(({ reads }) => reads))].sort(),
  check: (history) => parts.flatMap(({ check }) => check(history)),
});
