import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";
import { pageOf } from "../checkers/naming.ts";
import { type Lifeline, lifelineOf } from "./lifelines.ts";

/** One row of a sequence diagram. `to` absent: something that a part did by itself. */
export interface Row {
  event: TraceEvent;
  from: Lifeline;
  to?: Lifeline;
  label: string;
  /** What a rule of the lab did with the message. */
  rule?: string;
  offence: boolean;
}

const MOST_ROWS = 48;
/** Rows that share nothing with the offence: only what is next to it. */
const MOST_OTHERS = 10;
const NAME_OF: Record<string, string> = {
  "priq-record": "PRIQ entry",
  "dma-fault": "DMA_FAULT record",
  "event-report": "virtio_iommu_fault",
  "page-resp-request": "PAGE_RESP",
  "page-response": "iommu_page_response",
  "invalidate-request": "INVALIDATE",
  command: "",
};
/** Fields of a record that say which one it is, and how they are written. */
const SHOWN: readonly [name: string, prefix: string][] = [
  ["name", ""],
  ["pasid", "PASID "],
  ["grpid", "group "],
  ["asid", "ASID "],
  ["iova", ""],
  ["gva", ""],
  ["code", "code "],
  ["resp_code", "code "],
  ["Resp", "Resp "],
];
const PRG_CODES: Record<string, string> = { 0: "Success", 1: "Invalid Request", 15: "Response Failure" };

/** "page-response flags=1 grpid=3 pasid=5 code=0" as "iommu_page_response PASID 5 group 3 code=0". */
function recordLabel(text: string): string {
  const [record, ...pairs] = text.split(" ");
  const values = new Map(pairs.map((pair): [string, string] => [pair.split("=")[0], pair.slice(pair.indexOf("=") + 1)]));
  const shown = SHOWN.flatMap(([name, prefix]) => (values.has(name) && !(name === "pasid" && values.has("grpid")) ? [`${prefix}${values.get(name)}`] : []));
  return [NAME_OF[record] ?? record, ...shown].filter(Boolean).join(" ");
}

function messageLabel({ fields }: TraceEvent): string {
  const records = (fields.records as readonly TraceValue[] | undefined) ?? [];
  const labels = records.map((record) => recordLabel(String(record)));
  const most = 2;
  return labels.length ? `${labels.slice(0, most).join("; ")}${labels.length > most ? ` and ${labels.length - most} more` : ""}` : String(fields.kind);
}

/** A group says more than its PASID, which stands in the row's tooltip. */
const group = ({ ids }: TraceEvent) => (ids.grpid !== undefined ? `group ${ids.grpid}` : ids.pasid !== undefined ? `PASID ${ids.pasid}` : "");
const access = ({ fields }: TraceEvent) =>
  fields.R || fields.W ? `${fields.R ? "R" : ""}${fields.W ? "W" : ""}` : `${fields.status === "SC" ? "no access" : fields.status}`;
const at = ({ ids }: TraceEvent) => ids.iova ?? ids.gva ?? ids.gpa ?? ids.pa ?? "";

/** Messages between the SMMU and its functions, which cross no edge. */
const links: Record<string, (event: TraceEvent) => Pick<Row, "from" | "to" | "label">> = {
  "ats.translation-request": (event) => ({ from: "endpoint", to: "smmu", label: `Translate ${at(event)}: ${access(event)}` }),
  "endpoint.page-request": (event) => ({ from: "endpoint", to: "smmu", label: `Page Request ${group(event)} ${at(event)}${event.fields.last ? " last" : ""}` }),
  "prg-response.sent": (event) => ({ from: "smmu", to: "endpoint", label: `PRG Response ${group(event)} ${PRG_CODES[String(event.fields.code)] ?? event.fields.code}` }),
  "ats.invalidate-request": (event) => ({ from: "smmu", to: "endpoint", label: `ATS Invalidate Request ${at(event)}` }),
  "ats.invalidate-completion": () => ({ from: "endpoint", to: "smmu", label: "ATS Invalidate Completion" }),
};

/** What a part did by itself and what is worth a row. */
const steps: Record<string, (event: TraceEvent) => string> = {
  "guest.bind": (event) => `bind ${group(event)}`,
  "guest.unbind": (event) => `unbind ${group(event)}`,
  "guest.cd-written": (event) => `CD of ${group(event)} ${event.fields.quiet ? "quiet" : event.fields.valid ? "valid" : "V = 0"}`,
  "guest.munmap": (event) => `munmap ${at(event)}`,
  "guest.frames-freed": (event) => `${event.fields.pages} frames freed`,
  "guest.frames-lost": (event) => `${event.fields.pages} frames lost`,
  "guest.invalidate": (event) => `INVALIDATE by ${event.fields.granularity} done`,
  "guest.fault-handled": (event) => `${at(event)}: ${event.fields.result}`,
  "guest.function-reset": () => "function reset",
  "guest.job-submitted": (event) => `job ${event.fields.tag} submitted`,
  "guest.job-done": (event) => `job ${event.fields.tag}: ${event.fields.status}`,
  "guest.mm-released": () => "address space released",
  "vmm.group-refused": (event) => `${group(event)} answered INVALID`,
  "host.groups-closed": (event) => `groups ${(event.fields.groups as TraceValue[])?.join(", ")} closed`,
  "host.ste-written": (event) => `STE.Config ${event.fields.config}`,
  "host.page-response": (event) => `response ${group(event)}: ${event.fields.ret}`,
  "host.fault-refused": (event) => `${group(event)} refused: ${event.fields.ret}`,
  "host.command-timeout": () => "CMD_SYNC timed out",
  "host.gerror": (event) => `GERROR ${event.fields.active}`,
  "host.queue-overflow": (event) => `${event.fields.queue} overflow`,
  "pri-queue.auto-response": (event) => `automatic response ${group(event)}`,
  "event-queue.record": (event) => `${event.fields.event} ${at(event)}`,
  "command-queue.error": (event) => `CERROR ${event.fields.code}`,
  "cache.evicted": (event) => `${event.fields.cache} eviction`,
  "endpoint.flr": () => "function level reset",
  "endpoint.group-closed": (event) => `${group(event)} closed`,
  "endpoint.atc-fill": (event) => `ATC: ${at(event)} -> ${event.ids.pa}`,
  "endpoint.invalidated": (event) => `${event.fields.entries} ATC entries dropped`,
};

/** Every row that a history can show, in order. */
export function rowsOf(history: readonly TraceEvent[], offending: ReadonlySet<number>): Row[] {
  const rows: Row[] = [];
  const bySend = new Map<string, Row>();
  for (const event of history) {
    const { kind, who, fields, n } = event;
    const offence = offending.has(n);
    if (kind === "edge.send") {
      const [from, to] = String(fields.direction).split("->") as [Lifeline, Lifeline];
      const row: Row = { event, from, to, label: messageLabel(event), offence };
      bySend.set(`${who}/${fields.direction}/${fields.seq}`, row);
      if ((fields.records as readonly TraceValue[] | undefined)?.length || offence) rows.push(row);
    } else if (kind === "edge.rule") {
      const row = bySend.get(`${who}/${fields.direction}/${fields.seq}`);
      if (!row) continue;
      row.rule = `${fields.rule}: ${fields.do}`;
      if (!rows.includes(row)) rows.push(row);
    } else if (links[kind]) rows.push({ event, ...links[kind](event), offence });
    else if (steps[kind]) rows.push({ event, from: lifelineOf(who, kind), label: steps[kind](event), offence });
    else if (offence && kind !== "edge.deliver") rows.push({ event, from: lifelineOf(who, kind), label: `${kind} ${group(event)} ${at(event)}`.trim(), offence });
  }
  return rows;
}

/** What ties a row to the offence: the same group, page, PASID or ASID. */
const tiesOf = ({ event: { ids, fields }, label }: Pick<Row, "event" | "label">): string[] => [
  ...(ids.grpid === undefined ? [] : [`group ${ids.grpid}`]),
  ...[ids.iova, ids.gva].flatMap((address) => (address ? [`page ${pageOf(address)}`] : [])),
  ...(ids.asid === undefined ? [] : [`asid ${ids.asid}`]),
  ...((fields.records as readonly TraceValue[] | undefined) ?? []).flatMap(
    (record) =>
      String(record)
        .match(/grpid=\d+/g)
        ?.map((text) => text.replace("grpid=", "group ")) ?? [],
  ),
  ...(label.match(/\bgroup \d+/g) ?? []),
];

/**
 * The rows to draw: the offence and the faults of the run always, then what shares its group, page or ASID, then what is near; without an offence the first group of the run.
 * At most 48, in order.
 */
export function zoom(rows: readonly Row[]): Row[] {
  let centre = rows.filter(({ offence, rule }) => offence || rule);
  if (!centre.some(({ offence }) => offence)) centre = [...centre, ...rows.filter(({ event }) => event.kind === "endpoint.page-request").slice(0, 1)];
  const ties = new Set(centre.flatMap(tiesOf));
  const chosen = new Set(centre.slice(0, MOST_ROWS));
  const distance = (row: Row): number => Math.min(...centre.map(({ event }) => Math.abs(event.n - row.event.n)));
  const tied = rows.filter((row) => !chosen.has(row) && tiesOf(row).some((tie) => ties.has(tie)));
  const others = rows.filter((row) => !chosen.has(row) && row.event.kind !== "edge.send" && !tied.includes(row));
  const nearest = (of: readonly Row[], most: number): Row[] =>
    of
      .map((row) => ({ row, far: distance(row) }))
      .sort((a, b) => a.far - b.far)
      .slice(0, Math.max(0, most))
      .map(({ row }) => row);
  for (const row of nearest(tied, MOST_ROWS - chosen.size)) chosen.add(row);
  for (const row of nearest(others, Math.min(MOST_OTHERS, MOST_ROWS - chosen.size))) chosen.add(row);
  return rows.filter((row) => chosen.has(row));
}
