import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, groupText, losesPower } from "./naming.ts";

interface Open {
  requests: TraceEvent[];
  last: boolean;
}

/**
 * FL-I4: what a function has outstanding never exceeds its allocation (`allocation` of the event; absent: a scripted function that owes nothing), and every request comes back. A request
 * ends with its group; groups whose Last was accepted and never answered are INV-1's, so here only groups that never got a Last are named.
 */
export const flI4: Checker = {
  id: "FL-I4",
  sentence: "The sum of outstanding requests is at most the allocation; all credits return after quiesce.",
  reads: ["endpoint.flr", "endpoint.group-closed", "endpoint.page-request", "endpoint.prg-response", "lab.part"],
  check(history) {
    const violations: Violation[] = [];
    const functions = new Map<string, { groups: Map<number | undefined, Open>; outstanding: number }>();
    const close = (endpoint: string, grpid: number | undefined) => {
      const open = functions.get(endpoint);
      if (open) open.outstanding -= open.groups.get(grpid)?.requests.length ?? 0;
      open?.groups.delete(grpid);
    };
    const over = new Set<string>();
    for (const event of history) {
      const endpoint = endpointOf(event);
      switch (event.kind) {
        case "endpoint.page-request": {
          const open = functions.get(endpoint) ?? { groups: new Map<number | undefined, Open>(), outstanding: 0 };
          functions.set(endpoint, open);
          const group = open.groups.get(event.ids.grpid) ?? { requests: [], last: false };
          open.groups.set(event.ids.grpid, group);
          group.requests.push(event);
          group.last ||= event.fields.last === true;
          const outstanding = ++open.outstanding;
          const { allocation } = event.fields;
          if (typeof allocation === "number" && outstanding > allocation && !over.has(endpoint)) {
            over.add(endpoint);
            violations.push({
              invariant: "FL-I4",
              message: `endpoint ${endpoint}: ${outstanding} page requests outstanding, its allocation is ${allocation}`,
              events: [event.n],
            });
          }
          break;
        }
        case "endpoint.prg-response":
          if (event.fields.accepted === false) break;
          if (event.fields.code === PRG_RESPONSE_CODE.ResponseFailure) functions.delete(endpoint);
          else close(endpoint, event.ids.grpid);
          break;
        case "endpoint.group-closed":
          close(endpoint, event.ids.grpid);
          break;
        case "endpoint.flr":
          functions.delete(endpoint);
          break;
        case "lab.part":
          if (losesPower(event)) functions.clear();
      }
    }
    for (const { groups } of functions.values())
      for (const { requests, last } of groups.values())
        if (!last)
          violations.push({
            invariant: "FL-I4",
            message: `${groupText(requests[0])}: ${requests.length} credit${requests.length === 1 ? "" : "s"} never returned: no Last request followed #${requests.at(-1)!.n}`,
            events: requests.map(({ n }) => n),
          });
    return violations;
  },
};
