import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

export interface FaultSummary { pageRequests: number; groups: number; responses: number; roundTripUs: { p50: number; p99: number } }

/** Counts page requests and answers; a round trip is from a group's first page request to its PRG Response. */
export function summarize(history: readonly TraceEvent[]): FaultSummary {
  const asked = new Map<string, number>();
  const trips: number[] = [];
  let pageRequests = 0;
  let groups = 0;
  let responses = 0;
  for (const { kind, t, ids, fields } of history) {
    const key = `${ids.sid}/${ids.grpid}`;
    if (kind === "endpoint.page-request") {
      pageRequests++;
      if (fields.last) groups++;
      if (!asked.has(key)) asked.set(key, t);
    } else if (kind === "endpoint.prg-response") {
      responses++;
      const start = asked.get(key);
      if (start !== undefined) trips.push((t - start) / 1000);
      asked.delete(key);
    }
  }
  return { pageRequests, groups, responses, roundTripUs: { p50: percentile(trips, 0.5), p99: percentile(trips, 0.99) } };
}

/** Nearest rank, to a tenth; 0 of nothing. */
export function percentile(values: readonly number[], share: number): number {
  if (!values.length) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] * 10) / 10;
}
