import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { FrameOwners, OWNER_EVENTS } from "./frame-owners.ts";
import { GAP_EVENTS, invalidationGap } from "./invalidation-gap.ts";
import { endpointOf, frameText, pageOf } from "./naming.ts";
import { isTranslated, Translations } from "./translations.ts";

const doing = (access: TraceEvent): string => `endpoint ${endpointOf(access)} ${access.fields.write ? "wrote" : "read"}`;

/**
 * INV-3: no DMA meets a frame that nobody owns, or one that the host gave to another owner after the translation. One violation per frame and change of hands: what follows is the same mistake.
 * Walks of freed tables are not seen here: the walker emits no event per descriptor.
 */
export const inv3: Checker = {
  id: "INV-3",
  sentence: "Nothing freed, uninitialised or recycled is accessed.",
  reads: [...OWNER_EVENTS, ...GAP_EVENTS, "dma.access", "endpoint.atc-fill"],
  check(history) {
    const violations: Violation[] = [];
    const owners = new FrameOwners(history);
    const translations = new Translations();
    const reported = new Set<string>();
    /** Host epoch that the endpoint met first, since its latest translation. */
    const hostEpochs = new Map<string, { epoch: unknown; event: TraceEvent }>();
    for (const event of history) {
      if (event.kind === "endpoint.atc-fill") translations.fill(event);
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
      const key = `${endpointOf(event)}/${pageOf(event.ids.pa ?? "0x0")}`;
      const first = hostEpochs.get(key);
      const [fill] = isTranslated(event) ? translations.of(event).sort((a, b) => b.n - a.n) : [];
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
