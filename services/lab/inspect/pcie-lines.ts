import { formatBdf } from "@faultline/shared/machine/units.ts";
import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent, TraceFields, TraceValue } from "@faultline/shared/trace/tracer.ts";

type Line = (event: TraceEvent) => string;
type Given = TraceValue | undefined;

const flags = (fields: Record<string, Given>): string =>
  Object.entries(fields)
    .map(([name, on]) => (on ? name : "-"))
    .join("");
/** name=value; what is not there is left out. */
const text = (fields: Record<string, Given>): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => ` ${name}=${value}`)
    .join("");

const up = (tlp: string, { ids }: TraceEvent, fields: Record<string, Given>, rest = ""): string => `${bdfOf(ids)} pcie:${tlp}:${text(fields)}${rest}`;
const down = (tlp: string, { ids }: TraceEvent, fields: Record<string, Given>, rest = ""): string => `root pcie:${tlp}: to=${bdfOf(ids)}${text(fields)}${rest}`;
const bdfOf = ({ sid }: TraceEvent["ids"]): string => formatBdf(Number(sid));

/** A translation request is completed in the same step: two TLPs of one event. */
function translation(event: TraceEvent): string {
  const { ids, fields } = event;
  const request = up("translation-request", event, { pasid: ids.pasid, addr: ids.iova, count: fields.count }, fields.noWrite ? " nw" : "");
  const granted = fields.status === "SC" ? ` ${flags({ r: fields.R, w: fields.W })}` : "";
  const completion = down(
    "translation-completion",
    event,
    { pasid: ids.pasid, status: fields.status, pa: fields.pa, bytes: fields.pa ? fields.bytes : undefined },
    granted,
  );
  return `${request}\n${completion}`;
}

const pageRequest = ({ last, read, write }: TraceFields): string => ` ${flags({ r: read, w: write })}${last ? " last" : ""}`;

/** One line for each TLP, in the shape of kernel tracepoints: who sent it, what it is, its fields (PCIe 10.2 to 10.4). DMA is a line for each piece of 4 KiB at most. */
const lines = {
  "ats.translation-request": translation,
  "endpoint.page-request": (event) => up("page-request", event, { pasid: event.ids.pasid, prgi: event.ids.grpid, addr: event.ids.iova }, pageRequest(event.fields)),
  "endpoint.stop-marker": (event) => up("stop-marker", event, { pasid: event.ids.pasid }),
  "prg-response.sent": (event) => down("prg-response", event, { pasid: event.ids.pasid, prgi: event.ids.grpid, code: event.fields.code }),
  "ats.invalidate-request": (event) =>
    down("invalidate-request", event, { pasid: event.ids.pasid, itag: event.fields.itag, addr: event.ids.iova, bytes: event.fields.bytes }),
  "ats.invalidate-completion": (event) => up("invalidate-completion", event, { itag: event.fields.itag, status: event.fields.status }),
  "dma.refused": (event) =>
    up(event.fields.write ? "memory-write" : "memory-read", event, {
      pasid: event.ids.pasid,
      addr: event.ids.iova,
      bytes: event.fields.length,
      at: event.fields.translated ? "translated" : undefined,
      status: event.fields.status,
    }),
  "endpoint.error": (event) =>
    event.fields.message === null
      ? `${bdfOf(event.ids)} pcie:error: ${event.fields.severity} ${event.fields.error}`
      : up("message", event, { code: event.fields.message }, ` ${event.fields.severity} ${event.fields.error}`),
  "endpoint.link": (event) => `${bdfOf(event.ids)} pcie:link: ${event.fields.up ? "up" : "down"}`,
  "dma.access": (event) =>
    up(event.fields.write ? "memory-write" : "memory-read", event, { pasid: event.ids.pasid, addr: event.ids.iova, bytes: event.fields.length, pa: event.ids.pa }),
} satisfies Partial<Record<TraceKind, Line>>;

export const pcieKinds = Object.keys(lines) as (keyof typeof lines)[];
export const pcieLine = (event: TraceEvent): string | null => (Object.hasOwn(lines, event.kind) ? lines[event.kind as keyof typeof lines](event) : null);
