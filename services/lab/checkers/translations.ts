import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { endpointOf, pageOf } from "./naming.ts";

const PAGE = 4096;
/** Larger fills are kept as ranges: a 1 GiB block has 262,144 pages. */
const MOST_PAGES = 512;

interface LargeFill {
  endpoint: string;
  first: bigint;
  last: bigint;
  event: TraceEvent;
}

/** Which translations a function was given for a frame, by PASID and page; the latest of each. A translated access carries a PA and no PASID, so its fills say whose it is. */
export class Translations {
  readonly #byPage = new Map<string, Map<string, TraceEvent>>();
  #large: LargeFill[] = [];

  /** Takes in an `endpoint.atc-fill`. */
  fill(event: TraceEvent): void {
    const { pa, pasid } = event.ids;
    if (pa === undefined) return;
    const bytes = Number(event.fields.bytes ?? PAGE);
    const pages = Math.max(1, Math.ceil(bytes / PAGE));
    const endpoint = endpointOf(event);
    const from = `${pasid}/${event.ids.iova}`;
    if (pages > MOST_PAGES) {
      const first = BigInt(pa);
      this.#large = this.#large.filter((fill) => fill.endpoint !== endpoint || fill.event.ids.pasid !== pasid || fill.event.ids.iova !== event.ids.iova);
      this.#large.push({ endpoint, first, last: first + BigInt(bytes) - 1n, event });
      return;
    }
    for (let page = 0; page < pages; page++) {
      const key = `${endpoint}/${page === 0 ? pageOf(pa) : pageOf(`0x${(BigInt(pa) + BigInt(page * PAGE)).toString(16)}`)}`;
      const fills = this.#byPage.get(key);
      if (fills) fills.set(from, event);
      else this.#byPage.set(key, new Map([[from, event]]));
    }
  }

  /** The fills that a translated access of an endpoint to `pa` can have come from. */
  of(access: TraceEvent): TraceEvent[] {
    const { pa } = access.ids;
    if (pa === undefined) return [];
    const endpoint = endpointOf(access);
    const exact = [...(this.#byPage.get(`${endpoint}/${pageOf(pa)}`)?.values() ?? [])];
    if (!this.#large.length) return exact;
    const at = BigInt(pa);
    return [...exact, ...this.#large.filter((fill) => fill.endpoint === endpoint && at >= fill.first && at <= fill.last).map(({ event }) => event)];
  }
}

/** A DMA whose address was translated before, by ATS: it carries the PA. */
export const isTranslated = ({ ids }: TraceEvent): boolean => ids.iova === ids.pa;
