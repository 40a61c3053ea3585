import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { type AssertionCount, countAssertions } from "../assertions/assertion.ts";
import { assertions } from "../assertions/assertions.ts";

/** What a run amounted to, in numbers; `rules` how often each fault happened. */
export interface Counters {
  events: number;
  pageRequests: number;
  groups: number;
  responses: number;
  commands: number;
  dmaAccesses: number;
  /** Entries that a full cache of the SMMU dropped although no invalidation named them, by cache: a missing invalidation of theirs went unseen. */
  evictions: Record<string, number>;
  /** Virtual or real nanoseconds from the first event to the last. */
  ns: number;
  rules: Record<string, number>;
  /** How often the place of each assertion was reached, and how often it held there. */
  assertions: Record<string, { reached: number; held: number }>;
}

export function countersOf(history: readonly TraceEvent[], counts: readonly AssertionCount[] = countAssertions(assertions, history)): Counters {
  const counters: Counters = {
    events: history.length,
    pageRequests: 0,
    groups: 0,
    responses: 0,
    commands: 0,
    dmaAccesses: 0,
    evictions: {},
    ns: (history.at(-1)?.t ?? 0) - (history[0]?.t ?? 0),
    rules: {},
    assertions: Object.fromEntries(counts.map(({ id, reached, held }) => [id, { reached, held }])),
  };
  for (const { kind, fields } of history) {
    if (kind === "endpoint.page-request") {
      counters.pageRequests++;
      if (fields.last === true) counters.groups++;
    } else if (kind === "endpoint.prg-response") counters.responses++;
    else if (kind === "command.executed") counters.commands++;
    else if (kind === "dma.access") counters.dmaAccesses++;
    else if (kind === "cache.evicted") counters.evictions[String(fields.cache)] = (counters.evictions[String(fields.cache)] ?? 0) + 1;
    else if (fields.rule !== undefined) counters.rules[String(fields.rule)] = (counters.rules[String(fields.rule)] ?? 0) + 1;
  }
  return counters;
}

/** What a verdict has to say of evictions; empty without any (issue 4: the verdict names them). */
export function evictionText({ evictions }: Pick<Counters, "evictions">): string {
  const text = Object.entries(evictions)
    .map(([cache, count]) => `${cache} ${count}`)
    .join(", ");
  return text && ` (cache evictions: ${text}; a stale entry may have gone unseen)`;
}
