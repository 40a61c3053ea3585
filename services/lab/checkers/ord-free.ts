import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, pasidText } from "./naming.ts";

/** ORD-FREE: frames of a bound address space are freed only after an invalidation of its mapping completed, or after the CD of the PASID went quiet and the INVALIDATE of it succeeded (spec/flow.md, T2). */
export const ordFree: Checker = {
  id: "ORD-FREE",
  sentence: "Caches are invalidated before the frames behind them are freed.",
  reads: ["guest.attach-table", "guest.bind", "guest.cd-written", "guest.frames-freed", "guest.invalidate", "guest.munmap"],
  check(history) {
    const violations: Violation[] = [];
    /** Per guest and PASID: the endpoints that walk its tables. */
    const walking = new Map<string, Set<string>>();
    const unmaps = new Map<string, { unmap: TraceEvent; invalidated: Set<number | undefined> }>();
    const domains = new Map<string, number | undefined>();
    /** PASIDs whose latest INVALIDATE failed, with the endpoints whose CD went quiet: the hardware may still have it as it was. */
    const unseen = new Map<string, Set<string>>();
    for (const event of history) {
      const pasid = `${event.who}/${event.ids.pasid}`;
      switch (event.kind) {
        case "guest.attach-table":
          domains.set(`${event.who}/${endpointOf(event)}`, event.ids.domain);
          break;
        case "guest.bind":
          walking.set(pasid, (walking.get(pasid) ?? new Set()).add(endpointOf(event)));
          break;
        case "guest.cd-written":
          domains.set(`${event.who}/${endpointOf(event)}`, event.ids.domain); // a history that began after the boot has no attach
          if (!event.fields.quiet && event.fields.valid) unseen.get(pasid)?.delete(endpointOf(event));
          else if (unseen.has(pasid)) unseen.get(pasid)!.add(endpointOf(event));
          else walking.get(pasid)?.delete(endpointOf(event));
          break;
        case "guest.munmap":
          unmaps.set(`${pasid}/${event.ids.gva}`, { unmap: event, invalidated: new Set() });
          break;
        case "guest.invalidate":
          if (event.fields.granularity === "PASID") {
            if (event.fields.ret !== 0) {
              if (!unseen.has(pasid)) unseen.set(pasid, new Set());
              break;
            }
            for (const endpoint of unseen.get(pasid) ?? []) walking.get(pasid)?.delete(endpoint);
            unseen.delete(pasid);
          } else if (event.fields.ret === 0)
            for (const { unmap, invalidated } of unmaps.values()) if (unmap.who === event.who && unmap.ids.asid === event.ids.asid) invalidated.add(event.ids.domain);
          break;
        case "guest.frames-freed": {
          const endpoints = walking.get(pasid) ?? new Set<string>();
          const removal = unmaps.get(`${pasid}/${event.ids.gva}`);
          unmaps.delete(`${pasid}/${event.ids.gva}`);
          const still = [...endpoints].find((endpoint) => {
            const domain = domains.get(`${event.who}/${endpoint}`);
            // A history that began after the attach does not say which domain it is: any invalidation of the ASID counts.
            return !removal || (domain === undefined ? removal.invalidated.size === 0 : !removal.invalidated.has(domain));
          });
          if (still === undefined) break;
          const since = removal?.unmap;
          violations.push({
            invariant: "ORD-FREE",
            message: since
              ? `${pasidText(event.ids.pasid)}: ${event.fields.pages} frames of ${event.ids.gva} were freed while endpoint ${still} may reach them: no INVALIDATE for ASID ${since.ids.asid} between #${since.n} and #${event.n}`
              : `${pasidText(event.ids.pasid)}: ${event.fields.pages} frames were freed while endpoint ${still} walks the tables: no quiet CD before #${event.n}`,
            events: [...(since ? [since.n] : []), event.n],
          });
        }
      }
    }
    return violations;
  },
};
