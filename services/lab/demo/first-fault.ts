import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent, TraceFields, TraceIds, TraceValue } from "@faultline/shared/trace/tracer.ts";

/** One step of spec/flow.md a) to h); `us` since the miss. */
export interface FaultStep {
  step: "a" | "b" | "c" | "d" | "e" | "f" | "g" | "h";
  from: string;
  to: string;
  structure: string;
  fields: TraceFields;
  us: number;
}

/** The kinds that the steps are read from. */
export const stepKinds = [
  "guest.bind",
  "guest.cd-written",
  "host.command",
  "endpoint.atc-miss",
  "ats.translation-request",
  "endpoint.page-request",
  "pri-queue.record",
  "host.fault-reported",
  "guest.event-received",
  "guest.fault-handled",
  "guest.page-response",
  "host.page-response",
  "host.pri-response",
  "endpoint.prg-response",
  "endpoint.atc-fill",
  "edge.send",
] as const satisfies readonly TraceKind[];

type Match = (event: TraceEvent) => boolean;
const page = (address: string | undefined): bigint => (address === undefined ? -1n : BigInt(address) >> 12n);
const addressOf = ({ ids }: TraceEvent): string | undefined => ids.iova ?? ids.gva;

/** The eight steps of the first page fault in a history, or null when there is none that was answered. */
export function firstFault(history: readonly TraceEvent[]): { steps: FaultStep[]; criticalMessages: number } | null {
  const start = history.findIndex(({ kind }) => kind === "endpoint.page-request");
  if (start < 0) return null;
  const request = history[start];
  const { sid, pasid, grpid } = request.ids;
  const at = page(request.ids.iova);
  const end = history.findIndex((event, i) => i > start && event.kind === "endpoint.prg-response" && event.ids.sid === sid && event.ids.grpid === grpid);
  if (end < 0) return null;

  const before = (kind: TraceKind, match: Match) => history.slice(0, start).findLast((event) => event.kind === kind && match(event));
  const after = (kind: TraceKind, match: Match) => history.slice(start).find((event) => event.kind === kind && match(event));
  const ofGroup: Match = ({ ids }) => ids.grpid === grpid && (ids.pasid === undefined || ids.pasid === pasid);
  const ofPage: Match = (event) => ofGroup(event) && page(addressOf(event)) === at;
  const covers: Match = ({ ids, fields }) => ids.pasid === pasid && at >= page(ids.iova) && at < page(ids.iova) + BigInt(Number(fields.count ?? 1));

  const miss = before("endpoint.atc-miss", ({ ids }) => ids.sid === sid && page(ids.iova) === at);
  const translation = before("ats.translation-request", (event) => covers(event) && !event.fields.R && !event.fields.W);
  const zero = (miss ?? translation ?? request).t;
  const found = {
    cd: before("guest.cd-written", ({ ids, fields }) => ids.pasid === pasid && fields.valid === true),
    record: after("pri-queue.record", ofPage),
    report: after("host.fault-reported", ofPage),
    event: after("guest.event-received", ofPage),
    handled: after("guest.fault-handled", ofPage),
    response: after("guest.page-response", ofGroup),
    command: after("host.pri-response", ofGroup),
    prg: history[end] as TraceEvent | undefined,
    fill: history.slice(end).find((event) => event.kind === "endpoint.atc-fill" && event.ids.pasid === pasid && page(event.ids.iova) === at),
  };
  const bind = before("guest.bind", ({ ids }) => ids.pasid === pasid);
  const step = (letter: FaultStep["step"], from: string, to: string, structure: string, event: TraceEvent | undefined, fields: TraceFields = {}): FaultStep => ({
    step: letter,
    from,
    to,
    structure,
    fields: { ...(event ? idsOf(event.ids) : {}), ...event?.fields, ...fields },
    us: event ? micros(event.t - zero) : 0,
  });
  const cfgi = history.find(
    (event, i) =>
      i < start && event.kind === "host.command" && event.fields.name === "CMD_CFGI_CD" && event.n < (found.cd?.n ?? 0) && event.t >= (found.cd?.t ?? 0) - 1e9,
  );

  return {
    steps: [
      step("a", "guest", "smmu", "CD in guest RAM, CMD_CFGI_CD", found.cd, { mm: bind?.fields.mm, command: cfgi ? "CMD_CFGI_CD" : undefined }),
      step("b", "endpoint", "smmu", "ATS Translation Request", miss ?? translation, { noWrite: translation?.fields.noWrite, count: translation?.fields.count }),
      step("c", "smmu", "endpoint", "ATS Translation Completion", translation, { R: translation?.fields.R ?? false, W: translation?.fields.W ?? false }),
      step("d", "endpoint", "host", "PRIQ entry", found.record),
      step("e", "host", "vmm", "struct iommu_fault in the DMA_FAULT ring", found.report),
      step("f", "vmm", "guest", "struct virtio_iommu_fault", found.event, {
        result: found.handled?.fields.result,
        handledUs: found.handled ? micros(found.handled.t - zero) : undefined,
      }),
      step("g", "guest", "host", "virtio_iommu_req_page_resp, iommu_page_response", found.response),
      step("h", "host", "endpoint", "CMD_PRI_RESP, PRG Response", found.prg, {
        resp: found.command?.fields.resp,
        commandUs: found.command ? micros(found.command.t - zero) : undefined,
        pa: found.fill?.ids.pa,
        filledUs: found.fill ? micros(found.fill.t - zero) : undefined,
      }),
    ],
    criticalMessages: criticalMessages(history.slice(start, end), request),
  };
}

const micros = (ns: number): number => Math.round(ns / 100) / 10;
const idsOf = (ids: TraceIds): TraceFields => Object.fromEntries(Object.entries(ids).filter(([, value]) => value !== undefined)) as TraceFields;

/** The records that carry a page request up and its answer down. */
const UPWARD = new Set(["priq-record", "dma-fault", "event-report"]);
const DOWNWARD = new Set(["page-resp-request", "page-response", "command"]);

/**
 * Messages between the first page request and its PRG Response that the answer waited for: each that carried the group's last request up, and each that carried the
 * response down. Counted from what crossed the edges, so a detour would show.
 */
export function criticalMessages(window: readonly TraceEvent[], { ids: { sid, pasid, grpid } }: TraceEvent): number {
  const carries = (text: string): boolean => {
    const [record, ...pairs] = text.split(" ");
    const fields = Object.fromEntries(pairs.map((pair) => pair.split("=")));
    const device = fields.sid ?? fields.endpoint ?? sid;
    // A response without PASID has 0 there.
    const samePasid = fields.pasid === undefined || Number(fields.pasid) === pasid || (record === "page-response" && Number(fields.pasid) === 0);
    if (fields.grpid !== String(grpid) || device !== sid || !samePasid) return false;
    if (DOWNWARD.has(record)) return record !== "command" || fields.name === "CMD_PRI_RESP";
    return UPWARD.has(record) && (fields.Last === "1" || fields.last === "true");
  };
  return window.filter(({ kind, fields }) => kind === "edge.send" && (fields.records as readonly TraceValue[] | undefined)?.some((text) => carries(String(text)))).length;
}
