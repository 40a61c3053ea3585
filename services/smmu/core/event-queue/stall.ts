import type { Fault } from "../fault.ts";
import type { EventOrigin, EventQueue } from "./event-queue.ts";

/** How a transaction that was stalled goes on: its PA, or its termination. */
export type Ended = { pa: number } | "abort" | "raz-wi";
/** Why it stalls, and the transaction as its record shows it: privilege and kind are those after STE overrides. */
export interface Stall {
  fault: Fault;
  origin: EventOrigin;
}
export const isStall = (result: Ended | Stall): result is Stall => typeof result === "object" && "fault" in result;

/**
 * Transactions that wait for their record: for a STAG, or for a writable queue (7.4: a stall record is never discarded). The bound is IMPLEMENTATION DEFINED. Beyond it
 * a client cannot be stalled, and such a transaction is terminated with an abort and Stall = 0 (3.12.2).
 */
export const WAITING_LIMIT = 256;

interface Stalled<T> {
  transaction: T;
  ended: (result: Ended) => void;
}

/**
 * The stall model (3.12.2, 5.5; spec/smmuv3.md, 5.5): what stalled, under which STAG, and what releases it. Choices: one record per stalled transaction (suppression of
 * duplicates is optional: a run counts its faults, and what was suppressed nobody could); no early retry of a recorded transaction (permitted at any time: it would repair what
 * software forgot to resume, and the run would not show it); and an unrecorded one is translated again before its record is written, so that a fault of before a
 * CFGI or TLBI never shows after it.
 */
export class Stalls<T extends { sid: number }> {
  readonly #limit: number;
  readonly #events: EventQueue;
  readonly #attempt: (transaction: T) => Ended | Stall;
  readonly #recorded = new Map<number, Stalled<T>>();
  #waiting: Stalled<T>[] = [];
  #nextStag = 0;

  /** `limit`: IDR5.STALL_MAX, recorded at the same time. `attempt` translates a transaction anew; a stall as its result means that it stays. */
  constructor(limit: number, events: EventQueue, attempt: (transaction: T) => Ended | Stall) {
    this.#limit = limit;
    this.#events = events;
    this.#attempt = attempt;
  }

  /** Stalled transactions with their STAG; null: not recorded yet. */
  *entries(): Generator<{ stag: number | null; transaction: T }> {
    for (const [stag, { transaction }] of this.#recorded) yield { stag, transaction };
    for (const { transaction } of this.#waiting) yield { stag: null, transaction };
  }

  /** Stalls a transaction; `ended` is called once, when it is released. "abort": it could not be stalled. */
  hold(transaction: T, stall: Stall, ended: (result: Ended) => void): "stalled" | "abort" {
    const stalled = { transaction, ended };
    if (this.#waiting.length === 0 && this.#recordable) {
      this.#record(stalled, stall);
      return "stalled";
    }
    if (this.#limit > 0 && this.#waiting.length < WAITING_LIMIT) {
      this.#waiting.push(stalled);
      return "stalled";
    }
    this.#events.record(stall.fault, stall.origin);
    return "abort";
  }

  get #recordable(): boolean {
    return this.#recorded.size < this.#limit && this.#events.writable;
  }

  /** A record whose write aborts is lost, its transaction stays stalled under a STAG that software never saw (spec/smmuv3.md, 5.4). */
  #record(stalled: Stalled<T>, { fault, origin }: Stall): void {
    while (this.#recorded.has(this.#nextStag)) this.#nextStag = (this.#nextStag + 1) % this.#limit;
    const stag = this.#nextStag;
    this.#nextStag = (stag + 1) % this.#limit; // a late CMD_RESUME meets no new transaction at once
    this.#recorded.set(stag, stalled);
    this.#events.recordStall(fault, origin, stag);
  }

  /** The queue may have become writable, or a STAG free: those that wait are tried again, oldest first, and recorded if they still stall. */
  wake(): void {
    while (this.#waiting.length > 0 && this.#recordable) {
      const stalled = this.#waiting.shift() as Stalled<T>;
      const result = this.#attempt(stalled.transaction);
      if (isStall(result)) this.#record(stalled, result);
      else stalled.ended(result);
    }
  }

  /** CMD_RESUME (4.6.1): no effect when no recorded transaction has this StreamID and STAG. "retry" starts over from the StreamID, and may stall anew. */
  resume(sid: number, stag: number, action: "retry" | "abort" | "raz-wi"): void {
    const stalled = this.#recorded.get(stag);
    if (stalled?.transaction.sid !== sid) return;
    this.#recorded.delete(stag);
    if (action !== "retry") stalled.ended(action);
    else {
      const result = this.#attempt(stalled.transaction);
      const end = isStall(result) ? this.hold(stalled.transaction, result, stalled.ended) : result;
      if (end !== "stalled") stalled.ended(end);
    }
    this.wake();
  }

  /** CMD_STALL_TERM (4.6.2), and SMMUEN going to 0 (`sid` null: all): abort, recorded or not; the STAGs are free again. */
  terminate(sid: number | null): void {
    const hit = ({ transaction }: Stalled<T>): boolean => sid === null || transaction.sid === sid;
    const ending = [...this.#recorded.values(), ...this.#waiting].filter(hit);
    for (const [stag, stalled] of this.#recorded) if (hit(stalled)) this.#recorded.delete(stag);
    this.#waiting = this.#waiting.filter((stalled) => !hit(stalled));
    for (const stalled of ending) stalled.ended("abort");
    this.wake();
  }

  /** Power-on: who waited is reset too. */
  reset(): void {
    this.#recorded.clear();
    this.#waiting = [];
    this.#nextStag = 0;
  }
}
