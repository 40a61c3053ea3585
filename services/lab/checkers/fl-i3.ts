import { IOMMU_PAGE_RESP_SUCCESS } from "@faultline/shared/linux-uapi/iommu.ts";
import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, forgetGroups, groupKeyOf, groupText, pageOf } from "./naming.ts";

/** A page of a group, the event that asked for it, and whether the mm made it present since the group came. */
interface Page {
  page: string;
  asked: TraceEvent;
  handled: boolean;
}

/**
 * FL-I3: the guest answers SUCCESS only when its mm made every page of the group present after the request, and the wire carries SUCCESS only for a group that the guest answered so.
 * An automatic SUCCESS (overflow) promises nothing: the function translates again. Of a guest that the lab kills, the last words may be missing: what it answered is not judged until its VMM sees it gone.
 */
export const flI3: Checker = {
  id: "FL-I3",
  sentence: "SUCCESS is only sent if the page was present in stage 1 at some time after the request.",
  reads: [
    "edge.break",
    "endpoint.flr",
    "guest.event-received",
    "guest.fault-handled",
    "guest.function-reset",
    "guest.page-response",
    "host.fault-reported",
    "lab.part",
    "prg-response.sent",
    "pri-queue.auto-response",
  ],
  check(history) {
    const violations: Violation[] = [];
    const groups = new Map<string, Page[]>();
    const pageIn = (group: Page[] | undefined, gva = "0x0") => group?.find(({ page }) => page === pageOf(gva));
    /** Groups that went up to the guest, and whether it said SUCCESS. */
    const reported = new Map<string, { event: TraceEvent; success: boolean }>();
    const automatic = new Set<string>();
    let dying = false;
    const isGone = () => {
      dying = false;
      reported.clear();
    };
    for (const event of history) {
      const key = groupKeyOf(event);
      switch (event.kind) {
        case "guest.event-received": {
          const group = groups.get(key);
          const known = pageIn(group, event.ids.gva);
          const page: Page = { page: pageOf(event.ids.gva ?? "0x0"), asked: event, handled: false };
          if (known) known.asked = event;
          else if (group) group.push(page);
          else groups.set(key, [page]);
          break;
        }
        case "guest.fault-handled": {
          const page = event.fields.result === "success" ? pageIn(groups.get(key), event.ids.gva) : undefined;
          if (page) page.handled = true;
          break;
        }
        case "guest.page-response": {
          const group = groups.get(key);
          groups.delete(key);
          const success = event.fields.code === IOMMU_PAGE_RESP_SUCCESS;
          const report = reported.get(key);
          if (report) report.success ||= success;
          const missing = success ? group?.find(({ handled }) => !handled) : undefined;
          if (missing)
            violations.push({
              invariant: "FL-I3",
              message: `${groupText(event)}: answered SUCCESS, but page ${missing.page}000 was not made present after #${missing.asked.n}`,
              events: [missing.asked.n, event.n],
            });
          break;
        }
        case "guest.function-reset":
        case "endpoint.flr":
          for (const map of [groups, reported]) forgetGroups(map, endpointOf(event));
          break;
        case "host.fault-reported":
          if (event.fields.last) reported.set(key, { event, success: false });
          break;
        case "lab.part":
          if (event.fields.did === "kill") dying = true;
          if (event.fields.did === "start") isGone();
          break;
        case "edge.break":
          if (event.fields.direction === "vmm->guest") isGone();
          break;
        case "pri-queue.auto-response":
          automatic.add(key);
          break;
        case "prg-response.sent": {
          const report = reported.get(key);
          if (report && !report.success && !dying && !automatic.has(key) && event.fields.code === PRG_RESPONSE_CODE.Success)
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
