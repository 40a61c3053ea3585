import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { roundTrips } from "./round-trips.ts";

export interface FaultSummary {
  pageRequests: number;
  groups: number;
  responses: number;
  roundTripUs: { p50: number; p99: number };
}

/** Counts page requests and answers; a round trip is from a group's first page request to its PRG Response. */
export function summarize(history: readonly TraceEvent[]): FaultSummary {
  const requests = history.filter(({ kind }) => kind === "endpoint.page-request");
  const { roundTripsUs } = roundTrips(history);
  return {
    pageRequests: requests.length,
    groups: requests.filter(({ fields }) => fields.last === true).length,
    responses: history.filter(({ kind }) => kind === "endpoint.prg-response").length,
    roundTripUs: { p50: percentile(roundTripsUs, 0.5), p99: percentile(roundTripsUs, 0.99) },
  };
}

/** Nearest rank, to a tenth; 0 of nothing. */
export function percentile(values: readonly number[], share: number): number {
  if (!values.length) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] * 10) / 10;
}
