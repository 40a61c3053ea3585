import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, foundBadCd, pasidKeyOf, pasidText } from "./naming.ts";

/**
 * ORD-STOP: the device stops using a PASID before its CD goes invalid (IC-108; step 1 of T1 in spec/flow.md). Seen by what the hardware says to a late use, once per unbind: the driver's promise
 * itself leaves no trace.
 */
export const ordStop: Checker = {
  id: "ORD-STOP",
  sentence: "The device is stopped for a PASID before its context descriptor is cleared.",
  reads: ["ats.translation-request no-access", "command.executed CMD_CFGI_CD", "event-queue.record", "guest.bind"],
  check(history) {
    const violations: Violation[] = [];
    /** Bound at some time; `cleared` the first CMD_CFGI_CD after that, by which the CD goes. */
    const known = new Map<string, { bind: TraceEvent; cleared: TraceEvent | null }>();
    for (const event of history) {
      if (event.kind === "guest.bind") known.set(pasidKeyOf(event), { bind: event, cleared: null });
      else if (event.kind === "command.executed" && event.fields.name === "CMD_CFGI_CD") {
        const pasid = known.get(`${endpointOf(event)}/${event.fields.SubstreamID}`);
        if (pasid) pasid.cleared ??= event;
      } else if (foundBadCd(event)) {
        const pasid = known.get(pasidKeyOf(event));
        if (!pasid?.cleared) continue;
        known.delete(pasidKeyOf(event));
        violations.push({
          invariant: "ORD-STOP",
          message: `endpoint ${endpointOf(event)} used ${pasidText(pasid.bind.ids.pasid)} at #${event.n}, after CMD_CFGI_CD at #${pasid.cleared.n} cleared its CD: no stop of the device between #${pasid.bind.n} and #${pasid.cleared.n}`,
          events: [pasid.bind.n, pasid.cleared.n, event.n],
        });
      }
    }
    return violations;
  },
};
