import type { TraceIds } from "../trace/tracer.ts";

/** One record that a message carries, decoded: what rules name (`vmm->host page-response`) and what the trace shows. */
export interface EdgeRecord {
  record: "command" | "priq-record" | "event-record" | "dma-fault" | "page-response" | "event-report" | "page-resp-request" | "invalidate-request" | "request";
  ids: TraceIds;
  fields: Record<string, number | string | boolean>;
}

/** A record as the trace shows it: `page-response pasid=1 grpid=3 code=0`. */
export const recordText = ({ record, ids, fields }: EdgeRecord): string => [record, ...Object.entries({ ...ids, ...fields }).map(([name, value]) => `${name}=${value}`)].join(" ");
