import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { endpointOf, pageOf } from "./naming.ts";

const PAGE = 4096;
/** Larger fills are kept as ranges: a 1 GiB block has 262,144 pages. */
const MOST_PAGES = 512;
const NONE: readonly Given[] = [];

/** What translations are read from. */
export const TRANSLATION_EVENTS = ["endpoint.atc-fill", "endpoint.ats-disabled", "endpoint.flr", "endpoint.invalidated"] as const;

/** A translation that a function was given. */
export class Given {
  readonly event: TraceEvent;
  readonly pasid: number | undefined;
  readonly bytes: number;
  /** What took it away again: an invalidation that the function carried out, a reset; null: nothing yet. */
  dropped: TraceEvent | null = null;
  #first: bigint | undefined;

  constructor(event: TraceEvent) {
    this.event = event;
    this.pasid = event.ids.pasid;
    this.bytes = Number(event.fields.bytes ?? PAGE);
  }

  /** Whether it is of an address in [first, last]. */
  meets(first: bigint, last: bigint): boolean {
    this.#first ??= BigInt(this.event.ids.iova ?? "0x0");
    return this.#first <= last && this.#first + BigInt(this.bytes) > first;
  }

  /** Whether it leads to `pa`. */
  leadsTo(pa: bigint): boolean {
    const from = BigInt(this.event.ids.pa!);
    return pa >= from && pa < from + BigInt(this.bytes);
  }

  /** The same address under the same PASID: the function has one translation of it. */
  replaces({ event, pasid }: Given): boolean {
    return pasid === this.pasid && (event.ids.iova ?? "0x0") === (this.event.ids.iova ?? "0x0");
  }
}

/** The translations of one function. */
interface Held {
  /** By page of the PA. */
  byPage: Map<string, Given[]>;
  large: Given[];
  live: Set<Given>;
}

/**
 * Which translations a function was given for a frame, by PASID and page; the latest of each. A translated access carries a PA and no PASID, so its fills say whose it is. What the function itself
 * said that it dropped cannot be used any more: an access that only such a translation explains shows that it survived.
 */
export class Translations {
  readonly #functions = new Map<string, Held>();

  /** Takes in one of `TRANSLATION_EVENTS`; others are nothing to it. */
  take(event: TraceEvent): void {
    if (event.kind === "endpoint.atc-fill") this.#fill(event);
    else if (event.kind === "endpoint.invalidated") {
      const first = BigInt(event.ids.iova ?? "0x0");
      const last = first + BigInt(String(event.fields.bytes ?? "0x0")) - 1n;
      const { pasid } = event.ids;
      this.#drop(event, (given) => (pasid === undefined || given.pasid === pasid) && given.meets(first, last));
    } else if (event.kind === "endpoint.flr" || event.kind === "endpoint.ats-disabled") this.#drop(event, () => true);
  }

  /** The translations that an access can have come from, the latest first: those that the function still has; only if there is none, those that it said it dropped. */
  of(access: TraceEvent): readonly Given[] {
    const { pa } = access.ids;
    const fn = pa === undefined ? undefined : this.#functions.get(endpointOf(access));
    if (pa === undefined || !fn) return NONE;
    let all = fn.byPage.get(pageOf(pa)) ?? NONE;
    if (fn.large.length > 0) {
      const at = BigInt(pa);
      all = [...all, ...fn.large.filter((given) => given.leadsTo(at))];
    }
    if (all.length < 2) return all;
    const live = all.filter(({ dropped }) => dropped === null);
    return (live.length > 0 ? live : [...all]).sort((a, b) => b.event.n - a.event.n);
  }

  #fill(event: TraceEvent): void {
    const { pa } = event.ids;
    if (pa === undefined) return;
    const fn = this.#heldBy(endpointOf(event));
    const given = new Given(event);
    fn.live.add(given);
    const pages = Math.max(1, Math.ceil(given.bytes / PAGE));
    if (pages > MOST_PAGES) {
      fn.large = [...fn.large.filter((other) => !given.replaces(other)), given];
      return;
    }
    put(fn, pageOf(pa), given);
    for (let page = 1; page < pages; page++) put(fn, pageOf(`0x${(BigInt(pa) + BigInt(page * PAGE)).toString(16)}`), given);
  }

  #drop(event: TraceEvent, goes: (given: Given) => boolean): void {
    const live = this.#functions.get(endpointOf(event))?.live;
    if (!live) return;
    for (const given of live) {
      if (!goes(given)) continue;
      given.dropped = event;
      live.delete(given);
    }
  }

  #heldBy(endpoint: string): Held {
    const known = this.#functions.get(endpoint);
    if (known) return known;
    const fn: Held = { byPage: new Map(), large: [], live: new Set() };
    this.#functions.set(endpoint, fn);
    return fn;
  }
}

function put({ byPage }: Held, page: string, given: Given): void {
  const known = byPage.get(page);
  if (!known) return void byPage.set(page, [given]);
  const at = known.findIndex((other) => given.replaces(other));
  if (at < 0) known.push(given);
  else known[at] = given;
}

/** A DMA whose address was translated before, by ATS: it carries the PA. */
export const isTranslated = ({ ids }: TraceEvent): boolean => ids.iova === ids.pa;
