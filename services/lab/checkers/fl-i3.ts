import { IOMMU_PAGE_RESP_SUCCESS } from "@faultline/shared/linux-uapi/iommu.ts";
import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, groupKeyOf, groupText, pageOf } from "./naming.ts";

interface Pages {
  /** Page -> the event that brought it. */
  asked: Map<string, TraceEvent>;
  handled: Set<string>;
}

/**
 * FL-I3: the guest answers SUCCESS only when its mm made every page of the group present after the request, and the wire carries SUCCESS only for a group that the guest answered so.
 * An automatic SUCCESS (overflow) promises nothing: the function translates again.
 */
export const flI3: Checker = {
  id: "FL-I3",
  sentence: "SUCCESS is only sent if the page was present in stage 1 at some time after the request.",
  reads: [
    "endpoint.flr",
    "guest.event-received",
    "guest.fault-handled",
    "guest.function-reset",
    "guest.page-response",
    "host.fault-reported",
    "prg-response.sent",
    "pri-queue.auto-response",
  ],
  check(history) {
    const violations: Violation[] = [];
    const groups = new Map<string, Pages>();
    /** Groups that went up to the guest, and whether it said SUCCESS. */
    const reported = new Map<string, { event: TraceEvent; success: boolean }>();
    const automatic = new Set<string>();
    for (const event of history) {
      const key = groupKeyOf(event);
      switch (event.kind) {
        case "guest.event-received": {
          const group = groups.get(key) ?? { asked: new Map(), handled: new Set() };
          group.asked.set(pageOf(event.ids.gva ?? "0x0"), event);
          groups.set(key, group);
          break;
        }
        case "guest.fault-handled":
          if (event.fields.result === "success") groups.get(key)?.handled.add(pageOf(event.ids.gva ?? "0x0"));
          break;
        case "guest.page-response": {
          const group = groups.get(key);
          groups.delete(key);
          const success = event.fields.code === IOMMU_PAGE_RESP_SUCCESS;
          const report = reported.get(key);
          if (report) report.success ||= success;
          const missing = success && group ? [...group.asked].find(([page]) => !group.handled.has(page)) : undefined;
          if (missing)
            violations.push({
              invariant: "FL-I3",
              message: `${groupText(event)}: answered SUCCESS, but page ${missing[0]}000 was not made present after #${missing[1].n}`,
              events: [missing[1].n, event.n],
            });
          break;
        }
        case "guest.function-reset":
        case "endpoint.flr":
          for (const map of [groups, reported]) for (const name of map.keys()) if (name.startsWith(`${endpointOf(event)}/`)) map.delete(name);
          break;
        case "host.fault-reported":
          if (event.fields.last) reported.set(key, { event, success: false });
          break;
        case "pri-queue.auto-response":
          automatic.add(key);
          break;
        case "prg-response.sent": {
          const report = reported.get(key);
          if (report && !report.success && !automatic.has(key) && event.fields.code === PRG_RESPONSE_CODE.Success)
            violations.push({
              invariant: "FL-I3",
              message: `${groupText(event)}: SUCCESS went to the function, the guest has not answered the group so`,
              events: [report.event.n, event.n],
            });
          reported.delete(key);
          automatic.delete(key);
        }
      }
    }
    return violations;
  },
};
