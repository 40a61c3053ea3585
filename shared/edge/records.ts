import type { Layout } from "../codec/bit-struct.ts";
import type { Fields } from "../lab/fault-rule.ts";
import type { TraceIds } from "../trace/tracer.ts";

/** One record that a message carries, decoded: what rules name (`vmm->host page-response`) and what the trace shows. */
export interface EdgeRecord {
  record: RecordKind;
  ids: TraceIds;
  fields: Record<string, number | string | boolean>;
  /** Where its bytes are: from `offset` on in a posted write, or in a field of the body. */
  bytes?: { write: number; offset: number } | { field: string };
  /** What they are: every field of the document. */
  layout?: Layout;
}

/** A record as the trace shows it: `page-response pasid=1 grpid=3 code=0`. */
export function recordText({ record, ids, fields }: EdgeRecord): string {
  let text: string = record;
  // An id that is a field too has the field's value, in the id's place.
  for (const name in ids) text += ` ${name}=${name in fields ? fields[name] : ids[name as keyof TraceIds]}`;
  for (const name in fields) if (!(name in ids)) text += ` ${name}=${fields[name]}`;
  return text;
}

const fault = { pasid: "int", grpid: "int", iova: "int" } as const;
/** What records are decoded to, whatever their structure; addresses and StreamIDs are numbers in conditions. Conditions may name every field of the structure too (decode/layouts.ts). */
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
} as const satisfies Record<string, Fields>;
export type RecordKind = keyof typeof recordFields;

/** Which records travel which way: with whatever message the upper or the lower end of the edge sends next, or in its body. */
export const recordsOf: Record<"smmu" | "vfio" | "virtio", { upper: readonly RecordKind[]; lower: readonly RecordKind[] }> = {
  smmu: { upper: ["command"], lower: ["priq-record", "event-record"] },
  vfio: { upper: ["page-response", "request"], lower: ["dma-fault"] },
  virtio: { upper: ["page-resp-request", "invalidate-request", "request"], lower: ["event-report"] },
};
