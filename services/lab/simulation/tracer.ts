import type { TraceEvent, TraceFields, TraceIds, Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Scheduler } from "./scheduler.ts";

/** Everything that happened in a simulation, in its total order. */
export class Recorder {
  readonly events: TraceEvent[] = [];
  readonly #scheduler: Scheduler;
  #watchers: ((event: TraceEvent) => void)[] = [];

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  watch(seen: (event: TraceEvent) => void): void {
    this.#watchers.push(seen);
  }

  /** The tracer of one service; `lamport` is the clock that its edges advance. */
  tracer(who: string, lamport: { value: number }): Tracer {
    return {
      wants: () => true,
      emit: (kind, ids: TraceIds, fields: TraceFields = {}, cause) => {
        const n = this.events.length + 1;
        const event = { n, t: this.#scheduler.now(), lamport: lamport.value, who, kind, ids, fields, cause: cause || null };
        this.events.push(event);
        for (const seen of this.#watchers) seen(event);
        return n;
      },
    };
  }
}
