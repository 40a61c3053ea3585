import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { FrameOwners, isFree, OWNER_EVENTS } from "./frame-owners.ts";
import { GAP_EVENTS, invalidationGap } from "./invalidation-gap.ts";
import { endpointOf, frameText, pageOf, pasidText } from "./naming.ts";
import { type Given, isTranslated, TRANSLATION_EVENTS, Translations } from "./translations.ts";

const doing = (access: TraceEvent): string => `endpoint ${endpointOf(access)} ${access.fields.write ? "wrote" : "read"}`;

/**
 * INV-3: no DMA meets a frame that nobody owns, one that the host gave to another owner after the translation, or any frame through a translation that the function itself dropped: that its
 * frame has a new owner by then does not show in the owner word. One violation per frame and change of hands: what follows is the same mistake.
 * A kernel that reads a pointer of its own that leads nowhere says so itself (guest.oops). Walks of freed tables show where the machine file asks for them (`smmu.traceWalks`).
 */
export const inv3: Checker = {
  id: "INV-3",
  sentence: "Nothing freed, uninitialised or recycled is accessed.",
  reads: [...OWNER_EVENTS, ...GAP_EVENTS, ...TRANSLATION_EVENTS, "dma.access", "guest.oops", "walk.descriptor"],
  check(history) {
    const violations: Violation[] = [];
    const owners = new FrameOwners(history);
    const translations = new Translations();
    const reported = new Set<string>();
    const once = (what: string) => !reported.has(what) && reported.add(what);
    /** By endpoint and page: the access that met a host epoch first, since its latest translation. */
    const hostEpochs = new Map<string, Map<string, TraceEvent>>();
    /** A table that is read after it was freed: only machines that trace walks show it (smmu.traceWalks). Frames of stage 2 have no event when the host frees them. */
    const walked = (walk: TraceEvent) => {
      const change = walk.fields.stage === 1 ? owners.changeOfWalked(walk) : undefined;
      if (!change || !isFree(change) || !once(`walk/${walk.fields.guestEpoch}`)) return;
      violations.push({
        invariant: "INV-3",
        message: `the SMMU walked a stage 1 table of level ${walk.fields.level} in ${frameText(walk.ids.pa)} (GPA ${change.ids.gpa}), which ${change.who} freed at #${change.n}`,
        events: [change.n, walk.n].sort((a, b) => a - b),
      });
    };
    for (const event of history) {
      translations.take(event);
      if (event.kind === "walk.descriptor") walked(event);
      if (event.kind === "guest.oops")
        violations.push({ invariant: "INV-3", message: `${event.who} followed a pointer that leads nowhere: ${event.fields.what}`, events: [event.n] });
      if (event.kind === "dma.access") judgeAccess(event, isTranslated(event) ? translations.of(event)[0] : undefined);
    }
    return violations;

    function judgeAccess(access: TraceEvent, used: Given | undefined): void {
      const { guestEpoch, hostEpoch } = access.fields;
      const change = owners.changeOf(access);
      const frame = () => frameText(access.ids.pa);
      if (change && isFree(change) && once(`${frame()}/${guestEpoch}/${hostEpoch}`)) {
        const gap = invalidationGap(history, change, endpointOf(access));
        violations.push({
          invariant: "INV-3",
          message: `${doing(access)} ${frame()} (GPA ${change.ids.gpa}), which ${change.who} freed at #${change.n}${gap ? `: ${gap}` : ""}`,
          events: [change.n, access.n],
        });
      }
      if (used?.dropped && !(change && isFree(change)) && once(`stale/${used.event.n}`)) {
        const hands = change && change.n > used.event.n ? `; the frame changed hands at #${change.n} (GPA ${change.ids.gpa})` : "";
        violations.push({
          invariant: "INV-3",
          message: `${doing(access)} ${frame()} through the translation of #${used.event.n} (${used.event.ids.iova}, ${pasidText(used.pasid)}), which survived ${used.dropped.kind === "endpoint.invalidated" ? "its invalidation" : "the reset"} at #${used.dropped.n}${hands}`,
          events: [used.event.n, used.dropped.n, ...(hands ? [change!.n] : []), access.n].sort((a, b) => a - b),
        });
      }
      const endpoint = endpointOf(access);
      const pages = hostEpochs.get(endpoint) ?? new Map<string, TraceEvent>();
      if (pages.size === 0) hostEpochs.set(endpoint, pages);
      const page = pageOf(access.ids.pa ?? "0x0");
      const first = pages.get(page);
      const fill = used?.event;
      if (!first || (fill && fill.n > first.n)) pages.set(page, access);
      else if (fill && first.fields.hostEpoch !== hostEpoch && once(`${frame()}/${guestEpoch}/${hostEpoch}`)) {
        violations.push({
          invariant: "INV-3",
          message: `${doing(access)} ${frame()} through the translation of #${fill.n}, after the host gave it to another owner (epoch ${first.fields.hostEpoch}, then ${hostEpoch})`,
          events: [fill.n, first.n, access.n],
        });
      }
    }
  },
};
