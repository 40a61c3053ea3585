import type { TraceKind } from "./trace-events.ts";

/** Identifiers under their names everywhere (interfaces.md, section 7); addresses as hex strings. */
export interface TraceIds {
  sid?: string;
  ssid?: number;
  pasid?: number;
  grpid?: number;
  iova?: string;
  gva?: string;
  gpa?: string;
  ipa?: string;
  pa?: string;
  asid?: number;
  vmid?: number;
  endpoint?: string;
  domain?: number;
  fd?: number;
  queue?: number;
  head?: number;
  vm?: string;
}
export type TraceValue = string | number | boolean | null | undefined | readonly TraceValue[];
export type TraceFields = Record<string, TraceValue>;

/** One line of `history.ndjson`. `n` is the run's total order, `t` nanoseconds, `cause` the `n` of the event that led here. */
export interface TraceEvent {
  n: number;
  t: number;
  lamport: number;
  who: string;
  kind: string;
  ids: TraceIds;
  fields: TraceFields;
  cause: number | null;
}

/** Where a core tells what it does. No core reads anything back. */
export interface Tracer {
  /** False: nobody listens to this kind, so building ids and fields can be skipped. `aspect`: of the kinds in aspects.ts, which of them. */
  wants(kind: TraceKind, aspect?: string): boolean;
  /** Returns the event's `n`, 0 when nobody listens. */
  emit(kind: TraceKind, ids: TraceIds, fields?: TraceFields, cause?: number): number;
}

export const silentTracer: Tracer = { wants: () => false, emit: () => 0 };
