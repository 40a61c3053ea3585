import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/** What a run amounted to, in numbers; `rules` how often each fault happened. */
export interface Counters {
  events: number;
  pageRequests: number;
  groups: number;
  responses: number;
  commands: number;
  dmaAccesses: number;
  /** Virtual or real nanoseconds from the first event to the last. */
  ns: number;
  rules: Record<string, number>;
}

export function countersOf(history: readonly TraceEvent[]): Counters {
  const counters: Counters = {
    events: history.length,
    pageRequests: 0,
    groups: 0,
    responses: 0,
    commands: 0,
    dmaAccesses: 0,
    ns: (history.at(-1)?.t ?? 0) - (history[0]?.t ?? 0),
    rules: {},
  };
  for (const { kind, fields } of history) {
    if (kind === "endpoint.page-request") {
      counters.pageRequests++;
      if (fields.last === true) counters.groups++;
    } else if (kind === "endpoint.prg-response") counters.responses++;
    else if (kind === "command.executed") counters.commands++;
    else if (kind === "dma.access") counters.dmaAccesses++;
    else if (fields.rule !== undefined) counters.rules[String(fields.rule)] = (counters.rules[String(fields.rule)] ?? 0) + 1;
  }
  return counters;
}
