import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, losesPower } from "./naming.ts";

const keyOf = (event: TraceEvent): string => `${endpointOf(event)}/${event.fields.itag}`;

/**
 * ORD-RESET: a function that is reset has completed every ATS invalidation that it was sent: in its reset it may forget them (S13), and CMD_SYNC then waits for the time-out of ATS. A driver that
 * waited its own time-out for the completion has done what it can. And a kernel that boots finds every function as after a reset: what its former user left open would be nobody's to close (S16).
 */
export const ordReset: Checker = {
  id: "ORD-RESET",
  sentence: "No ATS invalidation is under way at a function that is reset, and a function is reset between two users.",
  reads: [
    "ats.invalidate-completion",
    "ats.invalidate-request",
    "command.executed CMD_SYNC",
    "endpoint.flr",
    "endpoint.job-start",
    "guest.attach-table",
    "host.command-timeout",
    "lab.part",
  ],
  check(history) {
    const violations: Violation[] = [];
    const open = new Map<string, TraceEvent>();
    /** Functions that worked, since they were reset. */
    const worked = new Map<string, TraceEvent>();
    let timedOut = 0;
    for (const event of history) {
      if (event.kind === "ats.invalidate-request") open.set(keyOf(event), event);
      else if (event.kind === "ats.invalidate-completion") open.delete(keyOf(event));
      else if (event.kind === "host.command-timeout") timedOut = event.n;
      else if (event.kind === "endpoint.job-start") worked.set(endpointOf(event), event);
      else if (event.kind === "lab.part") {
        if (losesPower(event)) worked.clear();
      } else if (event.kind === "guest.attach-table") {
        const work = worked.get(endpointOf(event));
        if (!work) continue;
        worked.delete(endpointOf(event));
        violations.push({
          invariant: "ORD-RESET",
          message: `endpoint ${endpointOf(event)} was attached by ${event.who} at #${event.n} as its former user left it at #${work.n}: no reset between`,
          events: [work.n, event.n],
        });
      } else if (event.kind === "command.executed") {
        if (event.fields.name === "CMD_SYNC") open.clear(); // all have ended; a function with ATS off answers UR, not a completion
      } else {
        worked.delete(endpointOf(event));
        for (const [name, request] of open) {
          if (!name.startsWith(`${endpointOf(event)}/`)) continue;
          open.delete(name);
          if (timedOut > request.n) continue;
          violations.push({
            invariant: "ORD-RESET",
            message: `endpoint ${endpointOf(event)} was reset at #${event.n} with the ATS invalidation of #${request.n} (ITag ${request.fields.itag}) under way: no completion between`,
            events: [request.n, event.n],
          });
        }
      }
    }
    return violations;
  },
};
