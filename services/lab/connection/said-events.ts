import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/**
 * The events of all parts in their order, with those that the lab says itself, each right behind the event `after` that was the last one heard then. Numbers stay unique: what is behind moves up,
 * causes too. Parts go on counting while the lab speaks, so what was heard later may have the next number.
 */
export function withSaid(events: readonly TraceEvent[], said: readonly { after: number; event: TraceEvent }[]): TraceEvent[] {
  const inOrder = [...events].sort((a, b) => a.n - b.n);
  if (said.length === 0) return inOrder;
  const moved = (n: number): number => n + said.filter(({ after }) => after < n).length;
  const theirs = inOrder.map((event) => ({ ...event, n: moved(event.n), cause: event.cause === null ? null : moved(event.cause) }));
  // `after` never falls, so of those behind one event the first said comes first.
  const own = said.map(({ after, event }, i) => ({ ...event, n: after + i + 1 }));
  return [...theirs, ...own].sort((a, b) => a.n - b.n);
}
