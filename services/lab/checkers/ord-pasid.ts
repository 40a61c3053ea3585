import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { GUEST_EVENTS, guestsOf } from "./frame-owners.ts";
import { endpointOf, forgetGroups, groupKeyOf, pasidText } from "./naming.ts";

/** ORD-PASID: a PASID is given to another process only when every page request of before has been answered or its function was reset (IC-1105; S28, S29), and to none while a bond still has it (S30). */
export const ordPasid: Checker = {
  id: "ORD-PASID",
  sentence: "Page requests of a PASID are drained before the PASID is used again.",
  reads: [...GUEST_EVENTS, "endpoint.flr", "endpoint.group-closed", "endpoint.page-request", "endpoint.prg-response", "guest.unbind"],
  check(history) {
    const violations: Violation[] = [];
    const guests = guestsOf(history);
    const open = new Map<string, TraceEvent>();
    const binds = new Map<string, { active: Map<string, TraceEvent>; unbind: TraceEvent | null }>();
    for (const event of history) {
      switch (event.kind) {
        case "endpoint.page-request": {
          const key = groupKeyOf(event);
          if (!open.has(key)) open.set(key, event);
          break;
        }
        case "endpoint.prg-response":
        case "endpoint.group-closed":
          open.delete(groupKeyOf(event));
          break;
        case "endpoint.flr":
          forgetGroups(open, endpointOf(event));
          break;
        case "guest.attach-table": // a kernel that boots: nothing of a former one is bound
          for (const key of binds.keys()) if (key.startsWith(`${event.who}/`)) binds.delete(key);
          break;
        case "guest.unbind": {
          const state = binds.get(`${event.who}/${event.ids.pasid}`);
          state?.active.delete(endpointOf(event));
          if (state && !state.active.size) state.unbind = event;
          break;
        }
        case "guest.bind": {
          const key = `${event.who}/${event.ids.pasid}`;
          const state = binds.get(key) ?? { active: new Map<string, TraceEvent>(), unbind: null };
          binds.set(key, state);
          const { unbind } = state;
          if (unbind && !state.active.size) {
            const late = [...open.values()].filter(
              (request) => request.ids.pasid === event.ids.pasid && request.n < unbind.n && guests.get(endpointOf(request)) === event.who,
            );
            if (late.length) {
              violations.push({
                invariant: "ORD-PASID",
                message: `${pasidText(event.ids.pasid)} was bound again at #${event.n} with ${late.length} group${late.length === 1 ? "" : "s"} of its former process unanswered (endpoint ${endpointOf(late[0])}, group ${late[0].ids.grpid}): no drain between #${unbind.n} and #${event.n}`,
                events: [...late.map(({ n }) => n), unbind.n, event.n],
              });
            }
          }
          const former = [...state.active.values()].find(({ fields }) => fields.mm !== event.fields.mm);
          if (former)
            violations.push({
              invariant: "ORD-PASID",
              message: `${pasidText(event.ids.pasid)} was given to ${event.fields.mm} at #${event.n} while endpoint ${endpointOf(former)} has it for ${former.fields.mm} since #${former.n}: no unbind between`,
              events: [former.n, event.n],
            });
          state.active.set(endpointOf(event), event);
          state.unbind = null;
        }
      }
    }
    return violations;
  },
};
