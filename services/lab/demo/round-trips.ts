import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/** Each group's time from its first page request to its PRG Response, in us, and how many groups were answered per second. */
export function roundTrips(history: readonly TraceEvent[]): { roundTripsUs: number[]; perSecond: number } {
  const asked = new Map<string, number>();
  const roundTripsUs: number[] = [];
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const { kind, t, ids } of history) {
    const key = `${ids.sid}/${ids.grpid}`;
    if (kind === "endpoint.page-request") {
      if (!asked.has(key)) asked.set(key, t);
      first = Math.min(first, t);
    } else if (kind === "endpoint.prg-response" && asked.has(key)) {
      roundTripsUs.push((t - asked.get(key)!) / 1000);
      asked.delete(key);
      last = Math.max(last, t);
    }
  }
  return { roundTripsUs, perSecond: roundTripsUs.length ? roundTripsUs.length / ((last - first) / 1e9) : 0 };
}
