import type { TraceEvent, TraceFields, TraceIds } from "@faultline/shared/trace/tracer.ts";

/** [who, kind, ids, fields, seconds]: `n` is the line's number from 1. */
export type Line = [who: string, kind: string, ids?: TraceIds, fields?: TraceFields, seconds?: number];

/** A history written by hand. */
export const written = (...lines: Line[]): TraceEvent[] =>
  lines.map(([who, kind, ids = {}, fields = {}, seconds], i) => ({
    n: i + 1,
    t: seconds === undefined ? i : seconds * 1e9,
    lamport: i,
    who,
    kind,
    ids,
    fields,
    cause: null,
  }));

const group = { pasid: 5, grpid: 3 };
/** One page fault of endpoint 0x8, PASID 5, group 3, answered SUCCESS: the events of steps c to h of spec/flow.md, in order. */
export const oneFault: readonly Line[] = [
  ["smmu", "endpoint.page-request", { sid: "0x8", ...group, iova: "0x7000" }, { last: true, read: true, write: false, allocation: 32 }],
  ["smmu", "pri-queue.record", { sid: "0x8", ...group, iova: "0x7000" }, { index: 0, last: true, R: true, W: false, stopMarker: false }],
  ["host", "host.pri-record", { sid: "0x8", ...group, iova: "0x7000" }, { last: true, read: true, write: false, exec: false, priv: false }],
  ["host", "host.fault-reported", { sid: "0x8", ...group, iova: "0x7000" }, { record: 0, last: true }],
  ["vmm0", "vmm.fault-drained", { endpoint: "0x8", ...group, iova: "0x7000" }, { flags: 15, last: true }],
  ["vmm0", "vmm.event-used", { endpoint: "0x8", ...group, iova: "0x7000" }, { head: 0, last: true }],
  ["guest0", "guest.event-received", { endpoint: "0x8", ...group, gva: "0x7000" }, { perm: 1, last: true }],
  ["guest0", "guest.fault-handled", { endpoint: "0x8", ...group, gva: "0x7000" }, { result: "success", vma: "input", perm: 1 }],
  ["guest0", "guest.page-response", { endpoint: "0x8", ...group }, { code: 0 }],
  ["vmm0", "vmm.page-response", { endpoint: "0x8", ...group }, { code: 0 }],
  ["host", "host.page-response", { sid: "0x8", ...group, iova: "0x7000" }, { code: 0, ret: 0 }],
  ["host", "host.command", {}, { name: "CMD_PRI_RESP", sid: "0x8", ssid: 5, grpid: 3, resp: 2 }],
  ["host", "host.pri-response", { sid: "0x8", ...group, iova: "0x7000" }, { resp: 2 }],
  ["smmu", "prg-response.sent", { sid: "0x8", ...group }, { code: 0 }],
  ["smmu", "endpoint.prg-response", { sid: "0x8", ...group }, { code: 0, accepted: true }],
];

/** The fault with the line of `kind` replaced: its ids and fields are changed, or it is left out (null). */
export const doctored = (kind: string, change: { ids?: TraceIds; fields?: TraceFields } | null): TraceEvent[] =>
  written(
    ...oneFault.flatMap((line): Line[] => {
      if (line[1] !== kind) return [line];
      return change ? [[line[0], kind, { ...line[2], ...change.ids }, { ...line[3], ...change.fields }]] : [];
    }),
  );
