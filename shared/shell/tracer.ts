import type { TraceKind } from "../trace/trace-events.ts";
import type { TraceEvent, TraceFields, TraceIds, Tracer } from "../trace/tracer.ts";

/** Events of one batch on a trace stream. */
const BATCH = 512;
/** Events wait at most so long, so that a traced fault does not pay for a message each. */
const FLUSH_MS = 20;
/** Events that are kept for the first subscriber, at most: a boot has some hundred. */
const KEPT = 65_536;

/** Who listens to the trace. `batch` gets lines of history.ndjson, and a marker of `flush` behind them. */
export interface TraceSubscriber {
  /** Empty: all kinds. */
  kinds: ReadonlySet<string>;
  batch(lines: string[], marker: number): void;
}

/** The tracer of a process: stamps events with the run's total order and sends them to subscribers, off the path that emitted them. */
export class ProcessTracer implements Tracer {
  readonly #who: string;
  readonly #lamport: { readonly value: number };
  readonly #subscribers = new Map<TraceSubscriber, TraceEvent[]>();
  #nextEvent: (() => number) | null = null;
  readonly #emitted = new Map<TraceKind, number>();
  #scheduled = false;
  #kept: TraceEvent[] | null = null;
  /** Rules of the lab that wait for an event hear of it at once. */
  listener: { awaits(kind: string): boolean; heard(kind: string, fields: TraceFields): void } | null = null;

  constructor(who: string, lamport: { readonly value: number }) {
    this.#who = who;
    this.#lamport = lamport;
  }

  /** The counter in the memory file; before it is mapped nothing is traced. */
  count(nextEvent: () => number): void {
    this.#nextEvent = nextEvent;
  }

  /** Events so far, by kind. Kinds that cores build only when somebody listens (`wants`) are counted only then. */
  get emitted(): ReadonlyMap<TraceKind, number> {
    return this.#emitted;
  }

  /** From now on events are kept for whoever subscribes first: a part that is started while a run lasts boots before the lab can listen. */
  keep(): void {
    this.#kept = [];
  }

  wants(kind: TraceKind): boolean {
    return this.#subscribed(kind) || this.listener?.awaits(kind) === true;
  }

  #subscribed(kind: TraceKind): boolean {
    if (!this.#nextEvent) return false;
    if (this.#kept && this.#kept.length < KEPT) return true;
    for (const { kinds } of this.#subscribers.keys()) if (kinds.size === 0 || kinds.has(kind)) return true;
    return false;
  }

  emit(kind: TraceKind, ids: TraceIds, fields: TraceFields = {}, cause = 0): number {
    return this.emitAs(this.#who, kind, ids, fields, cause);
  }

  /** An event of somebody who has no tracer: the lab. */
  emitAs(who: string, kind: TraceKind, ids: TraceIds, fields: TraceFields, cause = 0): number {
    this.#emitted.set(kind, (this.#emitted.get(kind) ?? 0) + 1);
    const n = this.#record(who, kind, ids, fields, cause);
    this.listener?.heard(kind, fields);
    return n;
  }

  #record(who: string, kind: TraceKind, ids: TraceIds, fields: TraceFields, cause: number): number {
    if (!this.#subscribed(kind) || !this.#nextEvent) return 0;
    const n = this.#nextEvent();
    const event: TraceEvent = { n, t: Number(process.hrtime.bigint()), lamport: this.#lamport.value, who, kind, ids, fields, cause: cause || null };
    this.#kept?.push(event);
    let full = false;
    for (const [{ kinds }, events] of this.#subscribers) if (kinds.size === 0 || kinds.has(kind)) full = events.push(event) >= BATCH || full;
    if (!this.#scheduled) {
      this.#scheduled = true;
      setTimeout(() => this.flush(), FLUSH_MS).unref();
    }
    if (full) this.flush();
    return n;
  }

  /** Returns what ends the subscription. */
  subscribe(subscriber: TraceSubscriber): () => void {
    const { kinds } = subscriber;
    this.#subscribers.set(
      subscriber,
      (this.#kept ?? []).filter(({ kind }) => kinds.size === 0 || kinds.has(kind)),
    );
    this.#kept = null;
    return () => void this.#subscribers.delete(subscriber);
  }

  /** Hands everything emitted so far to the subscribers, with the marker behind it. */
  flush(marker = 0): void {
    this.#scheduled = false; // a timer under way finds nothing, or flushes early
    for (const [subscriber, events] of this.#subscribers) {
      for (let at = 0; at < events.length; at += BATCH)
        subscriber.batch(
          events.slice(at, at + BATCH).map((event) => JSON.stringify(event)),
          0,
        );
      events.length = 0;
      if (marker) subscriber.batch([], marker);
    }
  }
}
