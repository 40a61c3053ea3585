import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { endpointOf, pageOf } from "./naming.ts";

const PAGE = 4096;
/** Larger fills are kept as ranges: a 1 GiB block has 262,144 pages. */
const MOST_PAGES = 512;

/** What translations are read from. */
export const TRANSLATION_EVENTS = ["endpoint.atc-fill", "endpoint.ats-disabled", "endpoint.flr", "endpoint.invalidated"] as const;

/** A translation that a function was given. */
export interface Given {
  event: TraceEvent;
  endpoint: string;
  pasid: number | undefined;
  iova: bigint;
  pa: bigint;
  bytes: bigint;
  /** What took it away again: an invalidation that the function carried out, a reset; null: nothing yet. */
  dropped: TraceEvent | null;
}

/**
 * Which translations a function was given for a frame, by PASID and page; the latest of each. A translated access carries a PA and no PASID, so its fills say whose it is. What the function itself
 * said that it dropped cannot be used any more: an access that only such a translation explains shows that it survived.
 */
export class Translations {
  readonly #byPage = new Map<string, Map<string, Given>>();
  readonly #live = new Map<string, Set<Given>>();
  #large: Given[] = [];

  /** Takes in one of `TRANSLATION_EVENTS`; others are nothing to it. */
  take(event: TraceEvent): void {
    if (event.kind === "endpoint.atc-fill") this.#fill(event);
    else if (event.kind === "endpoint.invalidated") {
      const first = BigInt(event.ids.iova ?? "0x0");
      const last = first + BigInt(String(event.fields.bytes ?? "0x0")) - 1n;
      const { pasid } = event.ids;
      this.#drop(event, (given) => (pasid === undefined || given.pasid === pasid) && given.iova <= last && given.iova + given.bytes - 1n >= first);
    } else if (event.kind === "endpoint.flr" || event.kind === "endpoint.ats-disabled") this.#drop(event, () => true);
  }

  /** The translations that an access can have come from, the latest first: those that the function still has; only if there is none, those that it said it dropped. */
  of(access: TraceEvent): Given[] {
    const { pa } = access.ids;
    if (pa === undefined) return [];
    const endpoint = endpointOf(access);
    const all = [...(this.#byPage.get(`${endpoint}/${pageOf(pa)}`)?.values() ?? [])];
    if (this.#large.length > 0) {
      const at = BigInt(pa);
      all.push(...this.#large.filter((given) => given.endpoint === endpoint && at >= given.pa && at < given.pa + given.bytes));
    }
    const live = all.filter(({ dropped }) => dropped === null);
    return (live.length > 0 ? live : all).sort((a, b) => b.event.n - a.event.n);
  }

  #fill(event: TraceEvent): void {
    const { pa, pasid, iova = "0x0" } = event.ids;
    if (pa === undefined) return;
    const bytes = Number(event.fields.bytes ?? PAGE);
    const endpoint = endpointOf(event);
    const given: Given = { event, endpoint, pasid, iova: BigInt(iova), pa: BigInt(pa), bytes: BigInt(bytes), dropped: null };
    const live = this.#live.get(endpoint);
    if (live) live.add(given);
    else this.#live.set(endpoint, new Set([given]));
    const pages = Math.max(1, Math.ceil(bytes / PAGE));
    if (pages > MOST_PAGES) {
      this.#large = this.#large.filter((other) => other.endpoint !== endpoint || other.pasid !== pasid || other.iova !== given.iova);
      this.#large.push(given);
      return;
    }
    const from = `${pasid}/${iova}`;
    for (let page = 0; page < pages; page++) {
      const key = `${endpoint}/${page === 0 ? pageOf(pa) : pageOf(`0x${(given.pa + BigInt(page * PAGE)).toString(16)}`)}`;
      const fills = this.#byPage.get(key);
      if (fills) fills.set(from, given);
      else this.#byPage.set(key, new Map([[from, given]]));
    }
  }

  #drop(event: TraceEvent, goes: (given: Given) => boolean): void {
    const live = this.#live.get(endpointOf(event));
    if (!live) return;
    for (const given of live) {
      if (!goes(given)) continue;
      given.dropped = event;
      live.delete(given);
    }
  }
}

/** A DMA whose address was translated before, by ATS: it carries the PA. */
export const isTranslated = ({ ids }: TraceEvent): boolean => ids.iova === ids.pa;
