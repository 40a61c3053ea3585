import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { inv1 } from "./inv-1.ts";

export const checkers: readonly Checker[] = [inv1];

/** What all checkers say about a history. */
export const judge = (history: readonly TraceEvent[]): Violation[] => checkers.flatMap((checker) => checker.check(history));
