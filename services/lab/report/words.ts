import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";
import type { Lifeline } from "./lifelines.ts";

/** What a row of a diagram says: `name` above its arrow, `about` below it. Rows that follow each other and have one name are drawn as one. */
export interface Words {
  name: string;
  about: string;
}

const said = (...parts: readonly (string | false | undefined)[]): string => parts.filter(Boolean).join(" ");
const group = ({ ids }: TraceEvent): string => (ids.grpid === undefined ? "" : `group ${ids.grpid}`);
const pasid = ({ ids }: TraceEvent): string => (ids.pasid === undefined ? "" : `PASID ${ids.pasid}`);
const at = ({ ids }: TraceEvent): string => String(ids.iova ?? ids.gva ?? ids.gpa ?? ids.ipa ?? ids.pa ?? "");
const errno = (ret: TraceValue): string => (Number(ret) < 0 ? `errno ${-Number(ret)}` : "done");

/** Each document has its own numbers for one answer (style.md, section c). */
const PRG_RESPONSE: Record<string, string> = { 0: "Success", 1: "Invalid Request", 15: "Response Failure" };
const PRI_RESP: Record<string, string> = { 0: "ResponseFailure", 1: "InvalidRequest", 2: "Success" };
const IOMMU_PAGE_RESP: Record<string, string> = { 0: "SUCCESS", 1: "INVALID", 2: "FAILURE" };

/** A record as the history writes it: "page-response pasid=5 grpid=3 code=0". */
function parseRecord(text: string): { record: string; values: ReadonlyMap<string, string> } {
  const [record, ...pairs] = text.split(" ");
  return { record, values: new Map(pairs.map((pair): [string, string] => [pair.split("=")[0], pair.slice(pair.indexOf("=") + 1)])) };
}

const NAME_OF: Record<string, string> = {
  "priq-record": "PRIQ entry",
  "eventq-record": "EVENTQ entry",
  "dma-fault": "DMA_FAULT record",
  "event-report": "virtio_iommu_fault",
  "page-resp-request": "PAGE_RESP",
  "page-response": "iommu_page_response",
  "invalidate-request": "INVALIDATE",
};
const GRANULARITY: Record<string, string> = { 1: "domain", 2: "PASID", 4: "VA" };

function recordWords(text: string): Words {
  const { record, values } = parseRecord(text);
  const value = (name: string, as: (text: string) => string): string => (values.has(name) ? as(values.get(name)!) : "");
  const name = said(NAME_OF[record] ?? values.get("name") ?? record, record === "request" && value("type", (type) => `type ${type}`));
  const about = said(
    value("iova", String) || value("gva", (gva) => (gva === "0x0" ? "" : gva)),
    Number(values.get("asid") ?? 0) ? `ASID ${values.get("asid")}` : value("pasid", (one) => `PASID ${one}`), // an INVALIDATE by VA names an ASID, and PASID 0
    value("Last", (last) => (last === "1" ? "last" : "")) || value("last", (last) => (last === "true" ? "last" : "")),
    value("code", (code) => IOMMU_PAGE_RESP[code] ?? `code ${code}`),
    value("resp_code", (code) => IOMMU_PAGE_RESP[code] ?? `resp_code ${code}`),
    value("Resp", (resp) => PRI_RESP[resp] ?? `Resp ${resp}`),
    value("inv_gran", (gran) => `by ${GRANULARITY[gran] ?? gran}`),
    value("fd", (fd) => `fd ${fd}`),
  );
  return {
    name: said(
      name,
      value("grpid", (grpid) => `group ${grpid}`),
    ),
    about,
  };
}

/** A message by the records that it carries; without one by its own kind. */
export function messageWords(event: TraceEvent): Words {
  const records = ((event.fields.records as readonly TraceValue[] | undefined) ?? []).map((record) => recordWords(String(record)));
  if (!records.length) return { name: String(event.fields.kind), about: "" };
  if (records.length === 1) return records[0];
  const bases = [...new Set(records.map(({ name }) => name.replace(/ group \d+$/, "")))];
  const groups = [...new Set(records.flatMap(({ name }) => name.match(/group (\d+)$/)?.[1] ?? []))];
  const of = groups.length > 1 ? `groups ${groups[0]} to ${groups.at(-1)}` : groups.length ? `group ${groups[0]}` : "";
  if (bases.length === 1) return { name: said(`${bases[0]} ×${records.length}`, groups.length === 1 && of), about: groups.length > 1 ? of : records[0].about };
  return { name: bases.length === 2 ? bases.join(", ") : `${bases[0]} and ${records.length - 1} more`, about: said(of, !of && records[0].about) };
}

type Link = (event: TraceEvent) => Words & { from: Lifeline; to: Lifeline };
const link =
  (from: Lifeline, to: Lifeline, words: (event: TraceEvent) => Words): Link =>
  (event) => ({ from, to, ...words(event) });

/** Messages between the SMMU and its functions, which cross no edge. */
export const links: Record<string, Link> = {
  "ats.translation-request": link("endpoint", "smmu", (event) => {
    const { R, W, status } = event.fields;
    return { name: `Translate${R || W ? `: ${R ? "R" : ""}${W ? "W" : ""}` : status === "SC" ? ": no access" : `: ${status}`}`, about: said(at(event), pasid(event)) };
  }),
  "endpoint.page-request": link("endpoint", "smmu", (event) => ({
    name: said("Page Request", group(event)),
    about: said(at(event), pasid(event), event.fields.last === true && "last"),
  })),
  "prg-response.sent": link("smmu", "endpoint", (event) => ({
    name: said("PRG Response", group(event)),
    about: said(pasid(event), PRG_RESPONSE[String(event.fields.code)] ?? `code ${event.fields.code}`),
  })),
  "ats.invalidate-request": link("smmu", "endpoint", (event) => ({
    name: "ATS Invalidate Request",
    about: said(at(event), pasid(event), `ITag ${event.fields.itag}`),
  })),
  "ats.invalidate-completion": link("endpoint", "smmu", (event) => ({ name: "ATS Invalidate Completion", about: `ITag ${event.fields.itag}` })),
};

const step =
  (name: (event: TraceEvent) => string, about: (event: TraceEvent) => string = (event) => said(at(event), pasid(event))) =>
  (event: TraceEvent): Words => ({ name: name(event), about: about(event) });

/** What a part did by itself and what is worth a row. */
export const steps: Record<string, (event: TraceEvent) => Words> = {
  "guest.bind": step(() => "bind"),
  "guest.unbind": step(() => "unbind"),
  "guest.cd-written": step((event) => `CD ${event.fields.quiet ? "quiet" : event.fields.valid ? "valid" : "V = 0"}`, pasid),
  "guest.munmap": step(() => "munmap"),
  "guest.frames-freed": step((event) => `${event.fields.pages} frames freed`),
  "guest.frames-kept": step((event) => `${event.fields.pages} frames kept`),
  "guest.frame-overwritten": step(() => "free frame overwritten"),
  "guest.invalidate-request": step((event) => `asks for INVALIDATE by ${event.fields.granularity}`),
  "guest.invalidate": step((event) => `INVALIDATE by ${event.fields.granularity}: ${errno(event.fields.ret)}`),
  "guest.fault-handled": step((event) => said("handle_mm_fault:", String(event.fields.result), group(event))),
  "guest.function-reset": step(() => "function reset"),
  "guest.job-submitted": step((event) => `job ${event.fields.tag} submitted`),
  "guest.job-done": step((event) => `job ${event.fields.tag}: ${event.fields.status}`),
  "guest.mm-released": step(() => "address space released"),
  "guest.pasid-stopped": step(() => "PASID stopped"),
  "guest.pasid-drained": step(() => "PASID drained"),
  "guest.pasid-freed": step(() => "PASID freed"),
  "guest.page-response-refused": step((event) => said("PAGE_RESP refused:", errno(event.fields.ret), group(event))),
  "guest.data-mismatch": step(() => "data differs"),
  "vmm.page-response": step((event) => said("page response", group(event))),
  "vmm.group-refused": step((event) => said(group(event), "answered INVALID"), pasid),
  "vmm.function-reset": step(() => "VFIO_DEVICE_RESET"),
  "host.fault-reported": step((event) => said("fault reported", group(event))),
  "host.groups-closed": step((event) => `groups ${(event.fields.groups as TraceValue[] | undefined)?.join(", ") || "none"} closed`),
  "host.ste-written": step((event) => `STE.Config ${event.fields.config}`),
  "host.page-response": step((event) => said("page response", group(event), `: ${errno(event.fields.ret)}`).replace(" :", ":")),
  "host.fault-refused": step((event) => said("fault refused:", errno(event.fields.ret), group(event))),
  "host.command-timeout": step((event) => `CMD_SYNC timed out: ${(event.fields.commands as TraceValue[] | undefined)?.join(", ") ?? ""}`),
  "host.gerror": step((event) => `GERROR ${event.fields.active}`),
  "host.queue-overflow": step((event) => `${event.fields.queue} overflow`),
  "host.released": step(() => "VMM released"),
  "pri-queue.auto-response": step((event) => said("automatic response", group(event))),
  "event-queue.record": step((event) => String(event.fields.event)),
  "command-queue.error": step((event) => `CERROR ${event.fields.code}`),
  "cache.evicted": step((event) => `${event.fields.cache} eviction`),
  "endpoint.flr": step(() => "function level reset"),
  "endpoint.group-closed": step((event) => said(group(event), "closed by reset"), pasid),
  "endpoint.atc-fill": step(
    () => "ATC fill",
    (event) => said(at(event), "->", String(event.ids.pa)),
  ),
  "endpoint.invalidated": step((event) => `${event.fields.entries} ATC entries dropped`),
  "endpoint.job-complete": step((event) => `job ${event.fields.tag}: status ${event.fields.status}`),
};

/** What is worth a row only as an offence. */
const offenceNames: Record<string, (event: TraceEvent) => string> = {
  "pri-queue.record": (event) => said("PRIQ entry written", group(event), event.fields.last === true && "last"),
  "host.pri-record": (event) => said("PRIQ entry taken", group(event), event.fields.last === true && "last"),
  "dma.access": (event) => `DMA ${event.fields.write ? "write" : "read"} of a frame`,
  "endpoint.atc-miss": () => "ATC miss",
  "endpoint.prg-response": (event) => said("PRG Response taken in", group(event)),
  "command.executed": (event) => `${event.fields.name} consumed`,
  "host.command": (event) => `${event.fields.name} queued`,
  "guest.page-response": (event) => said("PAGE_RESP", group(event)),
};
export const offenceWords = (event: TraceEvent): Words => ({
  name: offenceNames[event.kind]?.(event) ?? said(event.kind, group(event)),
  about: said(at(event), pasid(event)),
});

/** Turns of the whole run, which belong to no part. */
export const bands: Record<string, (event: TraceEvent) => string> = {
  "lab.workload-start": () => "the workload starts",
  "lab.workload-end": ({ fields }) => (fields.ok ? "the workload succeeded" : `the workload failed: ${fields.error}`),
  "lab.deadlock": ({ fields }) => `the workload has not ended: ${fields.reason}`,
  "lab.broken-off": ({ fields }) => `the run broke off: ${fields.error}`,
  "lab.heal": () => "heal: all faults are over",
  "lab.part": ({ fields }) => `${fields.did} ${fields.part}`,
  "lab.data-checked": ({ fields }) => `${fields.what}: ${fields.equal ? "equal" : "differs"}`,
};
