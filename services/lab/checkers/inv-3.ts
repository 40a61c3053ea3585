import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { FrameOwners, OWNER_EVENTS } from "./frame-owners.ts";
import { GAP_EVENTS, invalidationGap } from "./invalidation-gap.ts";
import { endpointOf, frameText, pageOf, pasidText } from "./naming.ts";
import { isTranslated, TRANSLATION_EVENTS, Translations } from "./translations.ts";

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
    /** Host epoch that the endpoint met first, since its latest translation. */
    const hostEpochs = new Map<string, { epoch: unknown; event: TraceEvent }>();
    /** A table that is read after it was freed: only machines that trace walks show it (smmu.traceWalks). Frames of stage 2 have no event when the host frees them. */
    const walked = (walk: TraceEvent) => {
      const change = walk.fields.stage === 1 ? owners.changeOfWalked(walk) : undefined;
      const once = `walk/${walk.fields.guestEpoch}`;
      if (change?.state !== "freed" || reported.has(once)) return;
      reported.add(once);
      violations.push({
        invariant: "INV-3",
        message: `the SMMU walked a stage 1 table of level ${walk.fields.level} in ${frameText(walk.ids.pa)} (GPA ${change.event.ids.gpa}), which ${change.event.who} freed at #${change.event.n}`,
        events: [change.event.n, walk.n].sort((a, b) => a - b),
      });
    };
    for (const event of history) {
      translations.take(event);
      if (event.kind === "walk.descriptor") walked(event);
      if (event.kind === "guest.oops")
        violations.push({ invariant: "INV-3", message: `${event.who} followed a pointer that leads nowhere: ${event.fields.what}`, events: [event.n] });
      if (event.kind !== "dma.access") continue;
      const frame = frameText(event.ids.pa);
      const change = owners.changeOf(event);
      const once = `${frame}/${event.fields.guestEpoch}/${event.fields.hostEpoch}`;
      if (change?.state === "freed" && !reported.has(once)) {
        reported.add(once);
        const { event: freed } = change;
        const gap = invalidationGap(history, freed, endpointOf(event));
        violations.push({
          invariant: "INV-3",
          message: `${doing(event)} ${frame} (GPA ${freed.ids.gpa}), which ${freed.who} freed at #${freed.n}${gap ? `: ${gap}` : ""}`,
          events: [freed.n, event.n],
        });
      }
      const [used] = isTranslated(event) ? translations.of(event) : [];
      const stale = used?.dropped ? `stale/${used.event.n}` : null;
      if (used?.dropped && stale && !reported.has(stale) && change?.state !== "freed") {
        reported.add(stale);
        const hands = change && change.event.n > used.event.n ? `; the frame changed hands at #${change.event.n} (GPA ${change.event.ids.gpa})` : "";
        violations.push({
          invariant: "INV-3",
          message: `${doing(event)} ${frame} through the translation of #${used.event.n} (${used.event.ids.iova}, ${pasidText(used.pasid)}), which survived ${used.dropped.kind === "endpoint.invalidated" ? "its invalidation" : "the reset"} at #${used.dropped.n}${hands}`,
          events: [used.event.n, used.dropped.n, ...(hands ? [change!.event.n] : []), event.n].sort((a, b) => a - b),
        });
      }
      const key = `${endpointOf(event)}/${pageOf(event.ids.pa ?? "0x0")}`;
      const first = hostEpochs.get(key);
      const fill = used?.event;
      if (!first || (fill && fill.n > first.event.n)) hostEpochs.set(key, { epoch: event.fields.hostEpoch, event });
      else if (fill && first.epoch !== event.fields.hostEpoch && !reported.has(once)) {
        reported.add(once);
        violations.push({
          invariant: "INV-3",
          message: `${doing(event)} ${frame} through the translation of #${fill.n}, after the host gave it to another owner (epoch ${first.epoch}, then ${event.fields.hostEpoch})`,
          events: [fill.n, first.event.n, event.n],
        });
      }
    }
    return violations;
  },
};
