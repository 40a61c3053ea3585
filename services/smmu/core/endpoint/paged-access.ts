import { COMPLETION_STATUS } from "@faultline/shared/accelerator/completion.ts";
import type { MemoryReadCompletion, Stalled, Upstream } from "../link.ts";
import type { AddressTranslation, Lookup, Space } from "./address-translation.ts";
import type { ErrorReporting } from "./error-reporting.ts";
import type { GroupOutcome, PageNeed, PageRequestInterface } from "./page-request-interface.ts";
import type { Work } from "./work.ts";

export const PAGE = 4096n;
/** Data sheet, "Page requests": the wait before a page is asked for again, doubled with each SUCCESS that left it missing, and its bound. */
const BACK_OFF_NS = 1_000,
  LONGEST_BACK_OFF_NS = BACK_OFF_NS * 2 ** 17;
const pageOf = (address: bigint): bigint => address & ~(PAGE - 1n);
const toPageEnd = (address: bigint): number => Number(PAGE - (address % PAGE));

/** Why an access cannot be made: a completion status, and the address that was accessed. */
export interface Failure {
  status: number;
  address: bigint;
}
export const isFailure = (value: Failure | Uint8Array | null): value is Failure => value !== null && "status" in value;

/** What a transfer still has to reach, from the next byte on. */
export interface Range {
  address: bigint;
  length: bigint;
  write: boolean;
}

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

/** A page request group under way, or refused. */
interface RequestedGroup {
  outcome: GroupOutcome | undefined;
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
  /** Responses SUCCESS after which a page was tried again; a page wanted for reading and for writing counts twice. */
  readonly #retries = new Map<bigint, number>();
  /** Pages asked for and not yet granted, for reading (page address) or writing (page address | 1). */
  readonly #requested = new Map<bigint, RequestedGroup>();
  #requestedPages = 0;

  /** `paging` false: a missing page is not requested, the access fails as stopped. */
  constructor(parts: AccessParts, space: Space, paging = true) {
    this.#parts = parts;
    this.#space = space;
    this.#paging = paging;
  }

  /** Reads up to `limit` bytes, no further than the end of the page. */
  *read(address: bigint, limit: number, ahead: readonly Range[]): Work<Uint8Array | Failure> {
    for (;;) {
      const target = this.#lookup(address, false);
      if (typeof target === "object") {
        const answer = this.#parts.upstream.memoryRead({ ...this.#prefix(target.at), ...target, length: Math.min(limit, toPageEnd(address)) });
        yield "acted";
        const completion = yield* this.#completed(answer);
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
        const answer = this.#parts.upstream.memoryWrite({ ...this.#prefix(target.at), ...target, data: piece });
        yield "acted";
        const outcome = yield* carriedOut(answer);
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
  *#completed(answer: MemoryReadCompletion | Stalled<MemoryReadCompletion>): Work<MemoryReadCompletion> {
    if (!isStalled(answer)) return answer;
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
  #prefix(at: "translated" | "untranslated") {
    return at === "translated" ? { pasid: null, priv: false, exec: false } : { ...this.#space, exec: false };
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
    if (this.#exhausted(pageOf(address), write)) return { status: COMPLETION_STATUS.RETRY_LIMIT, address };
    const mark = pageOf(address) | BigInt(write);
    yield* this.#backOff(this.#retries.get(mark) ?? 0);
    for (;;) {
      if (this.#parts.stopping()) return { status: COMPLETION_STATUS.STOPPED, address };
      if (!pages.usable && !this.#requested.has(mark)) return { status: pages.responseFailure ? COMPLETION_STATUS.RESPONSE_FAILURE : COMPLETION_STATUS.ABORTED, address };
      const granted = this.#retries.get(mark);
      yield* this.#request(pageOf(address), write, ahead);
      if (this.#requested.has(mark)) break;
      // The response may be in already: an overflow is answered before the request has returned (IHI 0070 G.b, 8.1).
      if (this.#retries.get(mark) !== granted) return null;
      yield "waiting"; // no credit, or no PRG index
    }
    const group = this.#requested.get(mark) as RequestedGroup;
    while (group.outcome === undefined) yield "waiting";
    return group.outcome === "success" ? null : { status: FAILURE_OF[group.outcome], address };
  }

  /** `tries` SUCCESS responses were of no use: most likely the PRI queue overflows (IHI 0070 G.b, 8.1), and asking again at once would only keep it full. */
  *#backOff(tries: number): Work<void> {
    if (tries === 0) return;
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
  *#request(page: bigint, write: boolean, ahead: readonly Range[]): Work<void> {
    const { pages, settings } = this.#parts;
    const room = (): number => Math.min(pages.credits, settings().window - this.#requestedPages);
    if (room() <= 0) return;
    const missing = this.#requested.has(page | BigInt(write)) ? [] : [this.#need(page, write)];
    const alone = this.#retries.has(page | BigInt(write));
    const needs = alone ? missing : yield* this.#gather(missing, ahead, room());
    for (let from = 0; from < needs.length && room() > 0; ) {
      const group = needs.slice(from, from + Math.min(room(), settings().pagesPerGroup));
      if (!this.#open(group)) return;
      from += group.length;
      yield "acted"; // the group: its requests leave in steps of their own
    }
  }

  #open(needs: readonly PageNeed[]): boolean {
    const { pages, outstanding } = this.#parts;
    const group: RequestedGroup = { outcome: undefined };
    const marks = needs.flatMap(({ address, read, write }) => [...(read ? [address] : []), ...(write ? [address | 1n] : [])]);
    const answered = (result: GroupOutcome): void => {
      group.outcome = result;
      this.#requestedPages -= needs.length;
      outstanding(-1);
      // A page that was refused stays refused for this descriptor; one that was granted is looked up again.
      if (result !== "success") return;
      for (const mark of marks) {
        this.#requested.delete(mark);
        this.#retries.set(mark, (this.#retries.get(mark) ?? 0) + 1);
      }
    };
    if (!pages.request(this.#space.pasid, needs, answered)) return false;
    for (const mark of marks) this.#requested.set(mark, group);
    this.#requestedPages += needs.length;
    outstanding(1);
    return true;
  }

  /** `needs`, and pages ahead that miss too, up to `limit`: nearest first, the ranges in turn, so that source and destination are asked for together. */
  *#gather(needs: PageNeed[], ahead: readonly Range[], limit: number): Work<PageNeed[]> {
    const { translation, settings, stopping } = this.#parts;
    for (let n = 0n; n < BigInt(settings().window); n++) {
      for (const { address, length, write } of ahead) {
        const page = pageOf(address) + n * PAGE;
        if (needs.length >= limit || stopping()) return needs;
        if (page >= address + length || this.#requested.has(page | BigInt(write)) || this.#exhausted(page, write) || translation.cached(this.#space, page, write))
          continue;
        const same = needs.find((need) => need.address === page);
        if (same) {
          same.read ||= !write;
          same.write ||= write;
          continue;
        }
        const result = translation.translate(this.#space, page, write);
        yield "acted";
        if (result === "aborted") return needs;
        if (result === "missing") needs.push(this.#need(page, write));
      }
    }
    return needs;
  }

  #need(address: bigint, write: boolean): PageNeed {
    return { address, read: !write, write, priv: this.#space.priv };
  }
  #exhausted(page: bigint, write: boolean): boolean {
    const tried = this.#retries.get(page | BigInt(write)) ?? 0;
    return tried > 0 && tried >= this.#parts.settings().retryLimit;
  }
}

/** A posted write has left; the function follows it only so that its pieces stay in order while the SMMU stalls it (link.ts). */
function* carriedOut<C extends { status: string }>(answer: C | Stalled<C>): Work<C> {
  if (!isStalled(answer)) return answer;
  while (answer.ended === null) yield "waiting";
  return answer.ended;
}
const isStalled = <C extends { status: string }>(answer: C | Stalled<C>): answer is Stalled<C> => answer.status === "stalled";
