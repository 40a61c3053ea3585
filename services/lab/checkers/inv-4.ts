import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { FrameOwners, isFree, OWNER_EVENTS } from "./frame-owners.ts";
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
      const candidates = removed.size === 0 ? undefined : removed.get(`${owners.guestOf(event)}/${pasid}`);
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
      const what = () => `endpoint ${endpointOf(access)} ${access.fields.write ? "wrote" : "read"} ${frameText(access.ids.pa)}`;
      if (!isTranslated(access)) {
        const gone = goneFor(access, access.ids.pasid, access.ids.iova, 0);
        if (gone)
          report(
            `dma/${access.ids.pasid}/${access.ids.iova}`,
            `${what()} through ${access.ids.iova} of ${pasidText(access.ids.pasid)} after ${gone.what} at #${gone.event.n}`,
            [gone.event.n, access.n],
          );
        return;
      }
      const fills = translations.of(access);
      if (!fills.length) return;
      const [{ event: fill }] = fills;
      const through = () => `${what()} through the translation of #${fill.n} (${fill.ids.iova}, ${pasidText(fill.ids.pasid)})`;
      const change = owners.changeOf(access);
      if (change && !isFree(change) && change.n > fill.n) {
        const gap = invalidationGap(history, change, endpointOf(access));
        report(`changed/${access.fields.guestEpoch}`, `${through()}, after it changed hands at #${change.n} (GPA ${change.ids.gpa})${gap ? `: ${gap}` : ""}`, [
          fill.n,
          change.n,
          access.n,
        ]);
        return;
      }
      let gone: Removed | undefined;
      for (const { event } of fills) {
        const one = goneFor(access, event.ids.pasid, event.ids.iova, event.n);
        if (!one) return;
        gone ??= one;
      }
      report(`stale/${access.ids.pa}/${gone!.event.n}`, `${through()}, after ${gone!.what} at #${gone!.event.n}`, [fill.n, gone!.event.n, access.n]);
    }
  },
};
