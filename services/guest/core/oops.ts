import type { TraceIds, Tracer } from "@faultline/shared/trace/tracer.ts";

/**
 * A kernel task reads a pointer that leads nowhere (rfc-review.md, INV-3): it stops there for ever, with the locks that it holds. Only a defect that is switched on comes here.
 * `what`: the pointer, and what was in it.
 */
export function oops(tracer: Tracer, defect: string, ids: TraceIds, what: string): Promise<never> {
  tracer.emit("guest.oops", ids, { defect, what });
  return new Promise(() => {});
}
