import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Violation } from "./checker.ts";

/**
 * A run has two phases (design.md, section 6): safety while the faults happen, then heal and liveness. Says in which of them a violation was complete, by the last of its events. A run that never
 * heals has one phase, which needs no name; what speaks of heal by itself has said it.
 */
export function withPhases(violations: readonly Violation[], history: readonly TraceEvent[]): Violation[] {
  const heal = history.find(({ kind }) => kind === "lab.heal");
  if (!heal) return [...violations];
  return violations.map((violation) => {
    const { message, events } = violation;
    if (events.length === 0 || /\bheal\b/.test(message)) return violation;
    return { ...violation, message: `${message} (${Math.max(...events) < heal.n ? "under the faults" : `after heal at #${heal.n}`})` };
  });
}
