import type { TraceEvent, TraceFields, TraceIds, Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Scheduler } from "./scheduler.ts";

/** Kinds of events to record, and of those in shared/trace/aspects.ts which: "edge.deliver ioctl", "command.executed CMD_SYNC". */
export type Recorded = ReadonlySet<string>;

/** What happened in a simulation, in its total order: everything, or only what somebody will read. */
export class Recorder {
  readonly events: TraceEvent[] = [];
  readonly #scheduler: Scheduler;
  /** null: all. */
  readonly #kinds: ReadonlySet<string> | null;
  /** By the kinds of which only some are recorded. */
  readonly #aspects = new Map<string, Set<string>>();
  #watchers: ((event: TraceEvent) => void)[] = [];

  constructor(scheduler: Scheduler, recorded?: Recorded) {
    this.#scheduler = scheduler;
    this.#kinds = recorded ? this.#kindsOf(recorded) : null;
  }

  #kindsOf(recorded: Recorded): Set<string> {
    const kinds = new Set<string>();
    for (const entry of recorded) {
      const [kind, aspect] = entry.split(" ");
      kinds.add(kind);
      if (aspect !== undefined) this.#aspects.set(kind, (this.#aspects.get(kind) ?? new Set()).add(aspect));
    }
    return kinds;
  }

  /** Told of each event that is recorded. */
  watch(seen: (event: TraceEvent) => void): void {
    this.#watchers.push(seen);
  }

  #wants(kind: string, aspect: string | undefined): boolean {
    if (this.#kinds === null) return true;
    if (!this.#kinds.has(kind)) return false;
    return aspect === undefined || (this.#aspects.get(kind)?.has(aspect) ?? true);
  }

  /** The tracer of one service; `lamport` is the clock that its edges advance. */
  tracer(who: string, lamport: { value: number }): Tracer {
    return {
      wants: (kind, aspect) => this.#wants(kind, aspect),
      emit: (kind, ids: TraceIds, fields: TraceFields = {}, cause) => {
        if (this.#kinds !== null && !this.#kinds.has(kind)) return 0;
        const n = this.events.length + 1;
        const event = { n, t: this.#scheduler.now(), lamport: lamport.value, who, kind, ids, fields, cause: cause || null };
        this.events.push(event);
        for (const seen of this.#watchers) seen(event);
        return n;
      },
    };
  }
}
