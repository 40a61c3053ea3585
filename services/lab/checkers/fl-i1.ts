import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, forgetGroups, groupKeyOf, groupText } from "./naming.ts";

const isStopMarker = ({ ids, fields }: TraceEvent): boolean => ids.pasid !== undefined && fields.read === false && fields.write === false; // IC-519
/** Bus and device number: the functions of a device share its link. */
const deviceOf = (event: TraceEvent): number => Number(endpointOf(event)) >> 3;

/**
 * FL-I1: INV-1 counts from record to response; this closes its two ends on the link. Every Last that a function sent becomes a record or an automatic answer, never silence (S34), and every
 * response that the SMMU sent is taken in by its function. A reset closes what is open, and a response to a function whose link is down is lost (PCIe 6.7.3).
 */
export const flI1: Checker = {
  id: "FL-I1",
  sentence: "Every group whose last request was accepted gets exactly one PRG response, or its endpoint is reset.",
  reads: [
    "endpoint.flr",
    "endpoint.group-closed",
    "endpoint.link",
    "endpoint.page-request",
    "endpoint.prg-response",
    "prg-response.sent",
    "pri-queue.auto-response",
    "pri-queue.record",
  ],
  check(history) {
    const violations: Violation[] = [];
    const asked = new Map<string, TraceEvent>();
    const underWay = new Map<string, TraceEvent>();
    /** Devices whose link is down. */
    const down = new Set<number>();
    /** Those that send page requests. */
    const functions = new Set<string>();
    for (const event of history) {
      const key = groupKeyOf(event);
      switch (event.kind) {
        case "endpoint.page-request":
          functions.add(endpointOf(event));
          if (event.fields.last && !isStopMarker(event)) asked.set(key, event);
          break;
        case "pri-queue.record":
        case "pri-queue.auto-response":
          if (event.fields.last) asked.delete(key);
          break;
        case "prg-response.sent":
          if (down.size === 0 || !down.has(deviceOf(event))) underWay.set(key, event);
          break;
        case "endpoint.prg-response":
          underWay.delete(key);
          break;
        case "endpoint.group-closed":
          asked.delete(key);
          underWay.delete(key);
          break;
        case "endpoint.link":
          if (event.fields.up) down.delete(deviceOf(event));
          else down.add(deviceOf(event));
          break;
        case "endpoint.flr":
          for (const open of [asked, underWay]) forgetGroups(open, endpointOf(event));
      }
    }
    for (const event of asked.values())
      violations.push({ invariant: "FL-I1", message: `${groupText(event)}: its last request became no record and got no answer`, events: [event.n] });
    for (const event of underWay.values())
      if (functions.has(endpointOf(event)))
        violations.push({ invariant: "FL-I1", message: `${groupText(event)}: the PRG Response sent at #${event.n} never reached the function`, events: [event.n] });
    return violations.sort((a, b) => a.events[0] - b.events[0]);
  },
};
