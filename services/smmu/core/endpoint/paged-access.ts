import type { PasidPrefix, Upstream } from "../link.ts";
import { type AddressTranslation, translated } from "./address-translation.ts";
import type { AtcEntry } from "./atc.ts";
import type { PageNeed, PageRequestInterface } from "./page-request-interface.ts";

export const PAGE = 4096n;
const pageOf = (address: bigint): bigint => address & ~(PAGE - 1n);

/** Why an access cannot go on: it waits for a group, or it ended. `address` is the page. */
export type Blocked = { blocked: "waiting" } | { blocked: "invalid" | "failure" | "aborted" | "retry-limit" | "closed"; address: bigint };
export const isBlocked = (value: unknown): value is Blocked => typeof value === "object" && value !== null && "blocked" in value;

/** Pages that a transfer will need soon, nearest first: they are requested together with a missing one. */
export type Ahead = readonly { address: bigint; length: bigint; write: boolean }[];

/** What one queue has asked for and not got: pages waiting for a response, and how often each was answered SUCCESS and was missing again. */
export class PagedAccess {
  readonly #translation: AddressTranslation;
  readonly #pages: PageRequestInterface;
  readonly #upstream: Upstream;
  readonly #settings: () => { pagesPerGroup: number; retryLimit: number };
  pasid: number | null = null;
  priv = false;
  readonly #waiting = new Set<bigint>();
  readonly #failed = new Map<bigint, "invalid" | "failure" | "closed">();
  readonly #retries = new Map<bigint, number>();

  constructor(translation: AddressTranslation, pages: PageRequestInterface, upstream: Upstream, settings: () => { pagesPerGroup: number; retryLimit: number }) {
    this.#translation = translation;
    this.#pages = pages;
    this.#upstream = upstream;
    this.#settings = settings;
  }

  /** Nothing of this queue waits for a response. */
  get drained(): boolean {
    return this.#waiting.size === 0;
  }

  /** Forgets failures and retries: a new descriptor begins. */
  begin(): void {
    this.#failed.clear();
    this.#retries.clear();
  }

  /** Reads `length` bytes that lie in one page. */
  read(address: bigint, length: number, ahead: Ahead): Uint8Array | Blocked {
    const entry = this.#entry(address, false, ahead);
    if (isBlocked(entry)) return entry;
    const completion = this.#upstream.memoryRead({ ...this.#translatedPrefix(), at: "translated", address: translated(entry, address), length });
    return completion.status === "SC" ? completion.data : { blocked: "aborted", address: pageOf(address) };
  }

  /** Makes sure that a page may be written, without writing. */
  prepareWrite(address: bigint, ahead: Ahead): true | Blocked {
    const entry = this.#entry(address, true, ahead);
    return isBlocked(entry) ? entry : true;
  }

  /** Writes bytes that lie in one page. */
  write(address: bigint, data: Uint8Array, ahead: Ahead): true | Blocked {
    const entry = this.#entry(address, true, ahead);
    if (isBlocked(entry)) return entry;
    const outcome = this.#upstream.memoryWrite({ ...this.#translatedPrefix(), at: "translated", address: translated(entry, address), data });
    return outcome.status === "SC" ? true : { blocked: "aborted", address: pageOf(address) };
  }

  /** Translated requests carry no PASID (the capability does not offer it). */
  #translatedPrefix(): PasidPrefix {
    return { pasid: null, priv: false, exec: false };
  }

  #entry(address: bigint, write: boolean, ahead: Ahead): AtcEntry | Blocked {
    const page = pageOf(address);
    const mark = write ? page | 1n : page; // a page may be asked for reading and for writing
    if (this.#waiting.has(mark)) return { blocked: "waiting" };
    const failed = this.#failed.get(mark);
    if (failed) return { blocked: failed, address: page };
    const result = this.#translation.translate(this.pasid, this.priv, address, write);
    if (result === "aborted") return { blocked: "aborted", address: page };
    if (result !== "missing") return result;
    if ((this.#retries.get(mark) ?? 0) > this.#settings().retryLimit) return { blocked: "retry-limit", address: page };
    if (!this.#pages.usable) return { blocked: "aborted", address: page };
    this.#requestPages(page, write, ahead);
    return { blocked: "waiting" };
  }

  /** Page requests for the missing page and for those ahead that miss too, in groups of pagesPerGroup, as far as credits go. */
  #requestPages(page: bigint, write: boolean, ahead: Ahead): void {
    const credits = this.#pages.credits;
    if (credits === 0) return; // the next step tries again
    const needs: PageNeed[] = [this.#need(page, write)];
    for (const candidate of this.#candidates(ahead)) {
      if (needs.length >= credits) break;
      const mark = candidate.write ? candidate.page | 1n : candidate.page;
      if ((candidate.page === page && candidate.write === write) || this.#waiting.has(mark) || this.#failed.has(mark)) continue;
      const result = this.#translation.translate(this.pasid, this.priv, candidate.page, candidate.write);
      if (result === "missing") needs.push(this.#need(candidate.page, candidate.write));
      else if (result === "aborted") break;
    }
    const { pagesPerGroup } = this.#settings();
    for (let from = 0; from < needs.length; from += pagesPerGroup) this.#open(needs.slice(from, from + pagesPerGroup));
  }

  /** Page by page, the ranges in turn, so that source and destination are asked for together. */
  *#candidates(ahead: Ahead): Generator<{ page: bigint; write: boolean }> {
    const limit = BigInt(this.#pages.credits);
    for (let n = 0n; n < limit; n++) {
      for (const { address, length, write } of ahead) {
        const page = pageOf(address) + n * PAGE;
        if (length > 0n && page < address + length) yield { page, write };
      }
    }
  }

  #need(address: bigint, write: boolean): PageNeed {
    return { address, read: !write, write, priv: this.priv };
  }

  #open(pages: PageNeed[]): void {
    const marks = pages.map(({ address, write }) => (write ? address | 1n : address));
    const opened = this.#pages.request(this.pasid, pages, (outcome) => {
      for (const mark of marks) {
        this.#waiting.delete(mark);
        if (outcome === "success") this.#retries.set(mark, (this.#retries.get(mark) ?? 0) + 1);
        else this.#failed.set(mark, outcome);
      }
    });
    if (opened) for (const mark of marks) this.#waiting.add(mark);
  }
}
