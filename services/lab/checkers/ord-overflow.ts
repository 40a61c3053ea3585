import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";

/**
 * ORD-OVERFLOW: what was in the PRI queue before it overflowed is taken out before the overflow is acknowledged (S20: groups that are discarded with it must be known), and it is acknowledged
 * at all (S19: until then the SMMU refuses every request). An overflow shows by its first automatic Success. The part of a history after an edge broke is not judged: who acknowledges may be gone.
 */
export const ordOverflow: Checker = {
  id: "ORD-OVERFLOW",
  sentence: "An overflow of the PRI queue is acknowledged once the queue is drained.",
  reads: ["edge.break", "host.pri-record", "host.queue-overflow", "pri-queue.auto-response", "pri-queue.record"],
  check(history) {
    const violations: Violation[] = [];
    let written = 0;
    let taken = 0;
    let refused = 0;
    /** The overflow that nobody has acknowledged: its first refusal, and the records that were written before it. */
    let overflow: { event: TraceEvent; written: number } | null = null;
    /** Acknowledged by the driver; the register write is on its way until a record is accepted. */
    let acknowledged = false;
    for (const event of history) {
      if (event.kind === "edge.break") return violations;
      if (event.kind === "pri-queue.record") {
        written++;
        acknowledged = false;
      } else if (event.kind === "host.pri-record") taken++;
      else if (event.kind === "pri-queue.auto-response" && event.fields.code === PRG_RESPONSE_CODE.Success) {
        if (acknowledged) continue;
        overflow ??= { event, written };
        refused++;
      } else if (event.kind === "host.queue-overflow" && event.fields.queue === "PRIQ") {
        if (overflow && taken < overflow.written)
          violations.push({
            invariant: "ORD-OVERFLOW",
            message: `the overflow that refused a request at #${overflow.event.n} was acknowledged with ${overflow.written - taken} records of before it still in the queue: no drain before #${event.n}`,
            events: [overflow.event.n, event.n],
          });
        overflow = null;
        refused = 0;
        acknowledged = true;
      }
    }
    if (overflow && taken === written)
      violations.push({
        invariant: "ORD-OVERFLOW",
        message: `the overflow that refused a request at #${overflow.event.n} was never acknowledged although the queue is empty: ${refused} requests were refused since`,
        events: [overflow.event.n],
      });
    return violations;
  },
};
