import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { groupKeyOf, groupText, pageOf, pasidKeyOf } from "./naming.ts";

/**
 * FL-I6: no fault is applied for a PASID that is not bound, nor one that was asked for before an unbind and comes in after the PASID was bound again: it would land in another process (RR-29, IC-1104).
 * A fault that is answered INVALID was not applied.
 */
export const flI6: Checker = {
  id: "FL-I6",
  sentence: "After unbind returns, no fault of that PASID is applied to any mm.",
  reads: ["endpoint.page-request", "guest.bind", "guest.fault-handled", "guest.unbind"],
  check(history) {
    const violations: Violation[] = [];
    const unbinds = new Map<string, TraceEvent>();
    const rebound = new Map<string, TraceEvent>();
    for (let index = 0; index < history.length; index++) {
      const event = history[index];
      if (event.kind === "guest.unbind") {
        unbinds.set(pasidKeyOf(event), event);
        rebound.delete(pasidKeyOf(event));
      } else if (event.kind === "guest.bind") rebound.set(pasidKeyOf(event), event);
      else if (event.kind === "guest.fault-handled" && event.fields.result === "success" && unbinds.size > 0) {
        const unbind = unbinds.get(pasidKeyOf(event));
        if (!unbind) continue;
        const bind = rebound.get(pasidKeyOf(event));
        const request = requestBefore(history, index);
        if (bind && (!request || request.n > unbind.n)) continue;
        const events = [...(request ? [request.n] : []), unbind.n, ...(bind ? [bind.n] : []), event.n];
        const message = bind
          ? `${groupText(event)}: the page request of before the unbind at #${unbind.n} was applied to ${bind.fields.mm}, which has the PASID since #${bind.n}`
          : `${groupText(event)}: the fault at ${event.ids.gva} was applied after the unbind at #${unbind.n}`;
        violations.push({ invariant: "FL-I6", message, events });
      }
    }
    return violations;
  },
};

/** The latest request of the page that the fault at `index` is about, in its group. */
function requestBefore(history: readonly TraceEvent[], index: number): TraceEvent | undefined {
  const fault = history[index];
  const [group, page] = [groupKeyOf(fault), pageOf(fault.ids.gva ?? "0x0")];
  for (let i = index - 1; i >= 0; i--) {
    const event = history[i];
    if (event.kind === "endpoint.page-request" && groupKeyOf(event) === group && pageOf(event.ids.iova ?? "0x0") === page) return event;
  }
  return undefined;
}
