import type { TraceIds } from "../trace/tracer.ts";

/** One record that a message carries, decoded: what rules name (`vmm->host page-response`) and what the trace shows. */
export interface EdgeRecord {
  record: "command" | "priq-record" | "event-record" | "dma-fault" | "page-response" | "event-report" | "page-resp-request" | "invalidate-request" | "request";
  ids: TraceIds;
  fields: Record<string, number | string | boolean>;
}

/** A record as the trace shows it: `page-response pasid=1 grpid=3 code=0`. */
export const recordText = ({ record, ids, fields }: EdgeRecord): string =>
  [record, ...Object.entries({ ...ids, ...fields }).map(([name, value]) => `${name}=${value}`)].join(" ");

const fault = { pasid: "int", grpid: "int", iova: "int" } as const;
/** What conditions of rules may name, per record; addresses and StreamIDs are numbers there. */
export const recordFields = {
  command: { sid: "int", pasid: "int", grpid: "int", name: "string", Resp: "int" },
  "priq-record": { sid: "int", ...fault, R: "int", W: "int", Last: "int", SSV: "int" },
  "event-record": { sid: "int", ssid: "int", iova: "int", ID: "int", RnW: "int", S2: "int", Stall: "int" },
  "dma-fault": { ...fault, type: "int", last: "bool", perm: "int" },
  "page-response": { pasid: "int", grpid: "int", code: "int", flags: "int" },
  "event-report": { endpoint: "int", ...fault, reason: "int", last: "bool", pageRequest: "bool" },
  "page-resp-request": { endpoint: "int", pasid: "int", grpid: "int", resp_code: "int", flags: "int" },
  "invalidate-request": { domain: "int", pasid: "int", asid: "int", gva: "int", inv_gran: "int", inv_type: "int", nr_pages: "int" },
  request: { fd: "int", name: "string", type: "int" },
} as const satisfies Record<EdgeRecord["record"], Record<string, "int" | "string" | "bool">>;
