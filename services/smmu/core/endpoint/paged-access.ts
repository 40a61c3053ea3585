import { COMPLETION_STATUS } from "@faultline/shared/accelerator/completion.ts";
import type { MemoryReadCompletion, Stalled, Upstream } from "../link.ts";
import type { AddressTranslation, Lookup, Space } from "./address-translation.ts";
import type { ErrorReporting } from "./error-reporting.ts";
import type { GroupOutcome, PageNeed, PageRequestInterface } from "./page-request-interface.ts";
import type { Work } from "./work.ts";

const PAGE = 4096;
/** Data sheet, "Page requests": the wait before a page is asked for again, doubled with each SUCCESS that left it missing, and its bound. */
const BACK_OFF_NS = 1_000,
  LONGEST_BACK_OFF_NS = BACK_OFF_NS * 2 ** 17;
/** Page numbers: addresses have 64 bits, and so the pages behind the last one are the first ones again. */
const PAGES = 2 ** 52;

/** An address in halves, and the other way round, without arithmetic on a BigInt. */
const doubleword = new BigUint64Array(1);
const halves = new Uint32Array(doubleword.buffer);
const pageOf = (address: bigint): number => {
  doubleword[0] = address;
  return halves[1] * 2 ** 20 + (halves[0] >>> 12);
};
const addressOf = (page: number): bigint => {
  halves[1] = page / 2 ** 20;
  halves[0] = page << 12;
  return doubleword[0];
};
/** Bytes from the address to the end of its page. */
export const toPageEnd = (address: bigint): number => {
  doubleword[0] = address;
  return PAGE - (halves[0] & (PAGE - 1));
};

/** Why an access cannot be made: a completion status, and the address that was accessed. */
export interface Failure {
  status: number;
  address: bigint;
}
export const isFailure = (value: Failure | Uint8Array | null): value is Failure => value !== null && "status" in value;

/** The pages that a transfer still has to reach, from that of the next byte on: the number of the first, and how many they are. */
export interface Range {
  page: number;
  pages: number;
  write: boolean;
}
export const rangeOf = (address: bigint, length: bigint, write: boolean): Range => ({
  page: pageOf(address),
  pages: Math.ceil((PAGE - toPageEnd(address) + Number(length)) / PAGE),
  write,
});

export interface AccessParts {
  translation: AddressTranslation;
  pages: PageRequestInterface;
  upstream: Upstream;
  errors: ErrorReporting;
  /** A time of the function's own. */
  timer(ns: number, expired: () => void): void;
  /** `window`: page requests that the queue may have outstanding, its share of the allocation. */
  settings(): { pagesPerGroup: number; retryLimit: number; window: number };
  /** A stop of the queue was asked for: nothing new is begun. */
  stopping(): boolean;
  /** A group of this queue was opened (+1) or ended (-1). */
  outstanding(change: 1 | -1): void;
}

const NO_PREFIX: Space = { pasid: null, priv: false };
/** A page request group under way, or refused. */
interface RequestedGroup {
  outcome: GroupOutcome | undefined;
}

/** A page that was asked for, for reading or for writing. */
interface Wanted {
  /** Null: it was granted. */
  group: RequestedGroup | null;
  /** Responses SUCCESS after which it was tried again. */
  tries: number;
}

const FAILURE_OF: Record<Exclude<GroupOutcome, "success">, number> = {
  invalid: COMPLETION_STATUS.RESPONSE_INVALID,
  failure: COMPLETION_STATUS.RESPONSE_FAILURE,
  closed: COMPLETION_STATUS.ABORTED,
};

/** The accesses of one descriptor to its address space: each may miss, ask for its page and those that will be needed next, and try again. */
export class PagedAccess {
  readonly #parts: AccessParts;
  readonly #space: Space;
  readonly #paging: boolean;
  /** A page wanted for reading and for writing counts twice. */
  readonly #wanted = new Map<number, Wanted>();
  /** The page that was wanted first, for reading and for writing: from there the keys count, which keeps them small. */
  #firstRead = -1;
  #firstWritten = -1;
  #requestedPages = 0;
  /** What was read last. It is this access' own: a completion that comes after its time-out finds nobody else's bytes here. */
  #buffer: Uint8Array | null = null;

  /** `paging` false: a missing page is not requested, the access fails as stopped. */
  constructor(parts: AccessParts, space: Space, paging = true) {
    this.#parts = parts;
    this.#space = space;
    this.#paging = paging;
  }

  /** Reads up to `limit` bytes, no further than the end of the page. They stay what they are until the next read. */
  *read(address: bigint, limit: number, ahead: readonly Range[]): Work<Uint8Array | Failure> {
    for (;;) {
      const target = this.#lookup(address, false);
      if (typeof target === "object") {
        const { pasid, priv } = this.#prefix(target.at);
        const length = Math.min(limit, toPageEnd(address));
        this.#buffer ??= new Uint8Array(PAGE);
        const answer = this.#parts.upstream.memoryRead({ pasid, priv, exec: false, at: target.at, address: target.address, length, into: this.#buffer });
        yield "acted";
        const completion = isStalled(answer) ? yield* this.#completed(answer) : answer;
        return completion.status === "SC" ? completion.data : { status: COMPLETION_STATUS.ABORTED, address };
      }
      const failure = yield* this.#resolve(target, address, false, ahead);
      if (failure) return failure;
    }
  }

  /** Writes all of `data`, at most a page with each request. `written` is told of each piece. */
  *write(address: bigint, data: Uint8Array, ahead: readonly Range[], written: (bytes: number) => void = () => {}): Work<Failure | null> {
    for (let done = 0; done < data.length; ) {
      const at = BigInt.asUintN(64, address + BigInt(done));
      const target = this.#lookup(at, true);
      if (typeof target === "object") {
        const piece = data.subarray(done, done + toPageEnd(at));
        const { pasid, priv } = this.#prefix(target.at);
        const answer = this.#parts.upstream.memoryWrite({ pasid, priv, exec: false, at: target.at, address: target.address, data: piece });
        yield "acted";
        const outcome = isStalled(answer) ? yield* carriedOut(answer) : answer;
        if (outcome.status !== "SC") return { status: COMPLETION_STATUS.ABORTED, address: at };
        done += piece.length;
        written(piece.length);
        continue;
      }
      const failure = yield* this.#resolve(target, at, true, ahead);
      if (failure) return failure;
    }
    return null;
  }

  /** Waits while the SMMU stalls the read, until its completion time-out (PCIe 2.8): that is why software keeps PCIe functions from stalling. */
  *#completed(answer: Stalled<MemoryReadCompletion>): Work<MemoryReadCompletion> {
    const { errors } = this.#parts;
    let expired = false;
    errors.watchCompletion(() => {
      expired = true;
    });
    while (answer.ended === null && !expired) yield "waiting";
    if (answer.ended !== null) return answer.ended;
    errors.completionTimeout(answer);
    return { status: "CA" };
  }

  /** Translated requests carry no PASID: the PASID capability does not offer it (PCIe 7.8.8.2). */
  #prefix(at: "translated" | "untranslated"): Space {
    return at === "translated" ? NO_PREFIX : this.#space;
  }

  #lookup(address: bigint, write: boolean): Lookup | "stopped" {
    return this.#parts.stopping() ? "stopped" : this.#parts.translation.translate(this.#space, address, write);
  }

  /** Null: the page may be there now, try again. */
  *#resolve(lookup: "missing" | "aborted" | "stopped", address: bigint, write: boolean, ahead: readonly Range[]): Work<Failure | null> {
    const { pages } = this.#parts;
    if (lookup === "stopped") return { status: COMPLETION_STATUS.STOPPED, address };
    yield "acted"; // the translation request
    if (lookup === "aborted") return { status: COMPLETION_STATUS.ABORTED, address };
    if (!this.#paging) return { status: COMPLETION_STATUS.STOPPED, address };
    const page = pageOf(address);
    const key = this.#keyOf(page, write);
    const tries = this.#wanted.get(key)?.tries ?? 0;
    if (this.#exhausted(tries)) return { status: COMPLETION_STATUS.RETRY_LIMIT, address };
    if (tries > 0) yield* this.#backOff(tries);
    for (;;) {
      if (this.#parts.stopping()) return { status: COMPLETION_STATUS.STOPPED, address };
      if (!pages.usable && !this.#wanted.get(key)?.group)
        return { status: pages.responseFailure ? COMPLETION_STATUS.RESPONSE_FAILURE : COMPLETION_STATUS.ABORTED, address };
      const granted = this.#wanted.get(key)?.tries ?? 0;
      const room = this.#room();
      if (room > 0) yield* this.#request(page, write, ahead, room);
      const wanted = this.#wanted.get(key);
      if (wanted?.group) return yield* this.#answerOf(wanted.group, address);
      // The response may be in already: an overflow is answered before the request has returned (IHI 0070 G.b, 8.1).
      if (wanted && wanted.tries !== granted) return null;
      yield "waiting"; // no credit, or no PRG index
    }
  }

  *#answerOf(group: RequestedGroup, address: bigint): Work<Failure | null> {
    while (group.outcome === undefined) yield "waiting";
    return group.outcome === "success" ? null : { status: FAILURE_OF[group.outcome], address };
  }

  /** `tries` SUCCESS responses were of no use: most likely the PRI queue overflows (IHI 0070 G.b, 8.1), and asking again at once would only keep it full. */
  *#backOff(tries: number): Work<void> {
    let over = false;
    this.#parts.timer(Math.min(BACK_OFF_NS * 2 ** (tries - 1), LONGEST_BACK_OFF_NS), () => {
      over = true;
    });
    while (!over && !this.#parts.stopping()) yield "waiting";
  }

  /**
   * Opens groups for the missing page and for pages ahead that miss too, as far as the queue's share of the credits goes. A page that a SUCCESS left missing goes alone:
   * a group larger than the PRI queue would be lost however often it is sent.
   */
  *#request(page: number, write: boolean, ahead: readonly Range[], room: number): Work<void> {
    const wanted = this.#wanted.get(this.#keyOf(page, write));
    const missing = wanted?.group ? [] : [this.#need(page, write)];
    const needs = wanted && wanted.tries > 0 ? missing : yield* this.#gather(missing, ahead, room);
    for (let from = 0; from < needs.length; ) {
      const now = this.#room();
      if (now <= 0) return;
      const group = needs.slice(from, from + Math.min(now, this.#parts.settings().pagesPerGroup));
      if (!this.#open(group)) return;
      from += group.length;
      yield "acted"; // the group: its requests leave in steps of their own
    }
  }

  /** Page requests that the queue may send now. */
  #room(): number {
    const { pages, settings } = this.#parts;
    return Math.min(pages.credits, settings().window - this.#requestedPages);
  }

  #open(needs: readonly PageNeed[]): boolean {
    const { pages, outstanding } = this.#parts;
    const group: RequestedGroup = { outcome: undefined };
    const all: Wanted[] = [];
    for (const { address, read, write } of needs) {
      if (read) all.push(this.#want(pageOf(address), false));
      if (write) all.push(this.#want(pageOf(address), true));
    }
    const answered = (result: GroupOutcome): void => {
      group.outcome = result;
      this.#requestedPages -= needs.length;
      outstanding(-1);
      // A page that was refused stays refused for this descriptor; one that was granted is looked up again.
      if (result !== "success") return;
      for (const wanted of all) {
        wanted.group = null;
        wanted.tries++;
      }
    };
    if (!pages.request(this.#space.pasid, needs, answered)) return false;
    for (const wanted of all) wanted.group = group;
    this.#requestedPages += needs.length;
    outstanding(1);
    return true;
  }

  /** `needs`, and pages ahead that miss too, up to `limit`: nearest first, the ranges in turn, so that source and destination are asked for together. */
  *#gather(needs: PageNeed[], ahead: readonly Range[], limit: number): Work<PageNeed[]> {
    const { translation, settings, stopping } = this.#parts;
    let { window } = settings();
    for (let n = 0; n < window; n++) {
      for (const { page: first, pages, write } of ahead) {
        if (needs.length >= limit || stopping()) return needs;
        if (n >= pages) continue;
        const page = first + n < PAGES ? first + n : first + n - PAGES;
        const wanted = this.#wanted.get(this.#keyOf(page, write));
        if (wanted && (wanted.group || this.#exhausted(wanted.tries))) continue;
        const address = addressOf(page);
        if (translation.cached(this.#space, address, write)) continue;
        const same = needs.find((need) => need.address === address);
        if (same) {
          same.read ||= !write;
          same.write ||= write;
          continue;
        }
        const result = translation.translate(this.#space, address, write);
        yield "acted";
        ({ window } = settings());
        if (result === "aborted") return needs;
        if (result === "missing") needs.push(this.#need(page, write));
      }
    }
    return needs;
  }

  #need(page: number, write: boolean): PageNeed {
    return { address: addressOf(page), read: !write, write, priv: this.#space.priv };
  }
  #want(page: number, write: boolean): Wanted {
    const key = this.#keyOf(page, write);
    let wanted = this.#wanted.get(key);
    if (!wanted) this.#wanted.set(key, (wanted = { group: null, tries: 0 }));
    return wanted;
  }
  #keyOf(page: number, write: boolean): number {
    if (write) {
      if (this.#firstWritten < 0) this.#firstWritten = page;
      return 2 * (page - this.#firstWritten) + 1;
    }
    if (this.#firstRead < 0) this.#firstRead = page;
    return 2 * (page - this.#firstRead);
  }
  #exhausted(tries: number): boolean {
    return tries > 0 && tries >= this.#parts.settings().retryLimit;
  }
}

/** A posted write has left; the function follows it only so that its pieces stay in order while the SMMU stalls it (link.ts). */
function* carriedOut<C>(answer: Stalled<C>): Work<C> {
  while (answer.ended === null) yield "waiting";
  return answer.ended;
}
const isStalled = <C extends { status: string }>(answer: C | Stalled<C>): answer is Stalled<C> => answer.status === "stalled";
