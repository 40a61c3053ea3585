import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { FrameOwners, OWNER_EVENTS } from "./frame-owners.ts";
import { GAP_EVENTS, invalidationGap } from "./invalidation-gap.ts";
import { endpointOf, frameText, pasidText } from "./naming.ts";
import { isTranslated, TRANSLATION_EVENTS, Translations } from "./translations.ts";

interface Removed {
  /** Absent: every endpoint of the guest. */
  endpoint?: string;
  /** null: the whole address space. */
  range: { first: bigint; last: bigint } | null;
  event: TraceEvent;
  what: string;
}

/**
 * INV-4: after an unmap, an exit or an unbind has completed, no DMA reaches the old page. Three things show it: a DMA to a frame that changed hands after its translation; a DMA or
 * a new translation through an address or a PASID that is gone; a DMA through translations that all belong to such a PASID. A later bind of the PASID starts anew.
 */
export const inv4: Checker = {
  id: "INV-4",
  sentence: "After unmap, exit or unbind completed, no DMA reaches the old page.",
  reads: [...OWNER_EVENTS, ...GAP_EVENTS, ...TRANSLATION_EVENTS, "dma.access", "guest.frames-freed", "guest.unbind"],
  check(history) {
    const owners = new FrameOwners(history);
    const translations = new Translations();
    const violations: Violation[] = [];
    const reported = new Set<string>();
    const unmaps = new Map<string, TraceEvent>();
    /** Per guest and PASID. */
    const removed = new Map<string, Removed[]>();
    const remove = (event: TraceEvent, gone: Omit<Removed, "event">) => {
      const key = `${event.who}/${event.ids.pasid}`;
      const known = removed.get(key);
      if (known) known.push({ ...gone, event });
      else removed.set(key, [{ ...gone, event }]);
    };
    const report = (once: string, message: string, events: number[]) => {
      if (reported.has(once)) return;
      reported.add(once);
      violations.push({ invariant: "INV-4", message, events });
    };
    const goneFor = (event: TraceEvent, pasid: number | undefined, iova: string | undefined, since: number): Removed | undefined => {
      const candidates = removed.get(`${owners.guestOf(event)}/${pasid}`);
      if (!candidates) return undefined;
      const at = iova === undefined ? null : BigInt(iova);
      const covers = ({ range }: Removed) => range === null || (at !== null && at >= range.first && at <= range.last);
      return candidates.find((gone) => gone.event.n > since && (gone.endpoint ?? endpointOf(event)) === endpointOf(event) && covers(gone));
    };

    for (const event of history) {
      translations.take(event);
      switch (event.kind) {
        case "guest.munmap":
          unmaps.set(`${event.who}/${event.ids.pasid}/${event.ids.gva}`, event);
          break;
        case "guest.frames-freed": {
          const unmap = unmaps.get(`${event.who}/${event.ids.pasid}/${event.ids.gva}`);
          if (!unmap?.ids.gva) break;
          const first = BigInt(unmap.ids.gva);
          const range = { first, last: first + BigInt(Number(unmap.fields.bytes)) - 1n };
          remove(event, { range, what: `munmap of ${unmap.ids.gva} completed` });
          break;
        }
        case "guest.unbind":
          remove(event, { endpoint: endpointOf(event), range: null, what: "unbind completed" });
          break;
        case "guest.mm-released":
          // After an error the guest knows that the tables may still be walked: it has kept them, and the pages.
          if (!(Number(event.fields.ret) < 0)) remove(event, { range: null, what: "its process ended" });
          break;
        case "guest.bind":
          removed.delete(`${event.who}/${event.ids.pasid}`);
          break;
        case "endpoint.atc-fill": {
          const gone = goneFor(event, event.ids.pasid, event.ids.iova, 0);
          if (!gone) break;
          const message = `endpoint ${endpointOf(event)} was given a translation of ${event.ids.iova} under ${pasidText(event.ids.pasid)} after ${gone.what} at #${gone.event.n}`;
          report(`fill/${event.ids.pasid}/${event.ids.iova}`, message, [gone.event.n, event.n]);
          break;
        }
        case "dma.access":
          judgeAccess(event);
          break;
      }
    }
    return violations;

    function judgeAccess(access: TraceEvent): void {
      const what = `endpoint ${endpointOf(access)} ${access.fields.write ? "wrote" : "read"} ${frameText(access.ids.pa)}`;
      if (!isTranslated(access)) {
        const gone = goneFor(access, access.ids.pasid, access.ids.iova, 0);
        if (gone)
          report(
            `dma/${access.ids.pasid}/${access.ids.iova}`,
            `${what} through ${access.ids.iova} of ${pasidText(access.ids.pasid)} after ${gone.what} at #${gone.event.n}`,
            [gone.event.n, access.n],
          );
        return;
      }
      const fills = translations.of(access).map(({ event }) => event);
      if (!fills.length) return;
      const change = owners.changeOf(access);
      if (change?.state === "taken" && change.event.n > fills[0].n) {
        const gap = invalidationGap(history, change.event, endpointOf(access));
        report(
          `changed/${access.fields.guestEpoch}`,
          `${what} through the translation of #${fills[0].n} (${fills[0].ids.iova}, ${pasidText(fills[0].ids.pasid)}), after it changed hands at #${change.event.n} (GPA ${change.event.ids.gpa})${gap ? `: ${gap}` : ""}`,
          [fills[0].n, change.event.n, access.n],
        );
        return;
      }
      const gone = fills.map((fill) => goneFor(access, fill.ids.pasid, fill.ids.iova, fill.n));
      if (gone.every((one) => one !== undefined)) {
        report(
          `stale/${access.ids.pa}/${gone[0]!.event.n}`,
          `${what} through the translation of #${fills[0].n} (${fills[0].ids.iova}, ${pasidText(fills[0].ids.pasid)}), after ${gone[0]!.what} at #${gone[0]!.event.n}`,
          [fills[0].n, gone[0]!.event.n, access.n],
        );
      }
    }
  },
};
