import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, groupKeyOf, groupText } from "./naming.ts";

/** LIVENESS: after heal (`lab.heal`, `withinNs`) every open group ends and the workload comes to an end, within the bound. Before heal nothing is promised; a run that never heals is judged by its hypothesis. */
export const liveness: Checker = {
  id: "LIVENESS",
  sentence: "After heal everything comes to its end within the bound.",
  reads: ["endpoint.flr", "endpoint.group-closed", "endpoint.page-request", "endpoint.prg-response", "lab.heal", "lab.workload-end", "lab.workload-start"],
  check(history) {
    const heal = history.find(({ kind }) => kind === "lab.heal");
    if (!heal) return [];
    const deadline = heal.t + Number(heal.fields.withinNs);
    const within = `${Number(heal.fields.withinNs) / 1e6} ms`;
    const violations: Violation[] = [];
    const open = new Map<string, TraceEvent>();
    const late = (request: TraceEvent, end: TraceEvent | null): void => {
      // A group that opens after heal has the same time from its own request.
      const due = Math.max(deadline, request.t + Number(heal.fields.withinNs));
      if (end && end.t <= due) return;
      const how = end ? `ended ${Math.round((end.t - due) / 1e6)} ms late` : "is still open";
      violations.push({
        invariant: "LIVENESS",
        message: `${groupText(request)}: ${how}, ${within} after heal at #${heal.n}`,
        events: [request.n, heal.n, ...(end ? [end.n] : [])],
      });
    };
    for (const event of history) {
      const key = groupKeyOf(event);
      if (event.kind === "endpoint.page-request") {
        if (!open.has(key)) open.set(key, event);
        continue;
      }
      const ended =
        event.kind === "endpoint.flr"
          ? [...open.keys()].filter((name) => name.startsWith(`${endpointOf(event)}/`))
          : event.kind === "endpoint.prg-response" || event.kind === "endpoint.group-closed"
            ? [key]
            : [];
      for (const name of ended) {
        const request = open.get(name);
        open.delete(name);
        if (request && event.n > heal.n) late(request, event);
      }
    }
    for (const request of open.values()) late(request, null);
    const start = history.findLast(({ kind }) => kind === "lab.workload-start");
    const end = history.findLast(({ kind }) => kind === "lab.workload-end");
    if (start && start.n < heal.n && (!end || (end.n > heal.n && end.t > deadline)))
      violations.push({
        invariant: "LIVENESS",
        message: `the workload ${end ? "ended late" : "has not ended"}, ${within} after heal at #${heal.n}`,
        events: [start.n, heal.n, ...(end ? [end.n] : [])],
      });
    return violations;
  },
};
