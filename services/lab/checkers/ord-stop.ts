import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, pasidText } from "./naming.ts";

/** What a use of a PASID without a valid CD gives. */
const BAD_CD = new Set(["C_BAD_CD", "C_BAD_SUBSTREAMID"]);

/**
 * ORD-STOP: the device stops using a PASID before its CD goes invalid (IC-108; step 1 of T1 in spec/flow.md). Seen by what the hardware says to a late use, once per unbind: the driver's promise
 * itself leaves no trace.
 */
export const ordStop: Checker = {
  id: "ORD-STOP",
  sentence: "The device is stopped for a PASID before its context descriptor is cleared.",
  reads: ["ats.translation-request", "command.executed", "event-queue.record", "guest.bind"],
  check(history) {
    const violations: Violation[] = [];
    /** Bound at some time; `cleared` the first CMD_CFGI_CD after that, by which the CD goes. */
    const known = new Map<string, { bind: TraceEvent; cleared: TraceEvent | null }>();
    for (const event of history) {
      const key = `${endpointOf(event)}/${event.ids.pasid ?? event.ids.ssid}`;
      if (event.kind === "guest.bind") known.set(key, { bind: event, cleared: null });
      else if (event.kind === "command.executed" && event.fields.name === "CMD_CFGI_CD") {
        const pasid = known.get(`${endpointOf(event)}/${event.fields.SubstreamID}`);
        if (pasid) pasid.cleared ??= event;
      } else if (event.kind === "ats.translation-request" || event.kind === "event-queue.record") {
        const pasid = BAD_CD.has(String(event.fields.event)) ? known.get(key) : undefined;
        if (!pasid?.cleared) continue;
        known.delete(key);
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
