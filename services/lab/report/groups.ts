import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/** A page request group of a history, by the indices of the events that opened and closed it; `closed` null: nobody answered it. */
export interface GroupSpan {
  sid: string;
  grpid: number;
  opened: number;
  closed: number | null;
}

/** Every group from its first page request to its PRG Response or the reset that closed it, in the order in which they opened. */
export function groupSpans(history: readonly TraceEvent[]): GroupSpan[] {
  const spans: GroupSpan[] = [];
  const open = new Map<string, GroupSpan>();
  for (const [index, { kind, ids, fields }] of history.entries()) {
    const opens = kind === "endpoint.page-request";
    const closes = kind === "endpoint.group-closed" || (kind === "endpoint.prg-response" && fields.accepted !== false);
    if (!opens && !closes) continue;
    const key = `${ids.sid}/${ids.grpid}`;
    const span = open.get(key);
    if (opens && !span) {
      spans.push({ sid: String(ids.sid), grpid: Number(ids.grpid), opened: index, closed: null });
      open.set(key, spans.at(-1)!);
    } else if (closes && span) {
      span.closed = index;
      open.delete(key);
    }
  }
  return spans;
}
