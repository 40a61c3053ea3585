import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { endpointOf } from "./naming.ts";

/** What invalidations are read from. */
export const INVALIDATION_EVENTS = ["ats.invalidate-completion", "ats.invalidate-request", "command.executed", "edge.send available", "guest.invalidate"] as const;

export interface Invalidation {
  /** The request's completion in the guest, `guest.invalidate`. */
  done: TraceEvent;
  /** When it left the guest; undefined: the history holds no messages. */
  sent: TraceEvent | undefined;
  /** VIRTIO_IOMMU_INV_T_* bits of the request; 0 when it is not known. */
  types: number;
  /** Commands that the SMMU executed meanwhile and that a CMD_SYNC followed. */
  executed: TraceEvent[];
  /** ATS Invalidate Requests of that time whose completion came, by endpoint. */
  completed: Map<string, TraceEvent[]>;
}

const RECORD = "invalidate-request ";
const fieldOf = (text: string, name: string): string | undefined => text.match(new RegExp(`(?:^| )${name}=(\\S+)`))?.[1];

/** Every INVALIDATE that the guest was told is done, with what the hardware did between its request and its completion. */
export function invalidations(history: readonly TraceEvent[]): Invalidation[] {
  const found: Invalidation[] = [];
  const sends = new Map<string, { event: TraceEvent; text: string }[]>();
  const hardware: TraceEvent[] = [];
  for (const event of history) {
    if (event.kind === "command.executed" || event.kind === "ats.invalidate-request" || event.kind === "ats.invalidate-completion") hardware.push(event);
    else if (event.kind === "edge.send") {
      if (!Array.isArray(event.fields.records)) continue;
      const text = event.fields.records.find((record) => String(record).startsWith(RECORD));
      if (text === undefined) continue;
      const known = sends.get(event.who);
      if (known) known.push({ event, text: String(text) });
      else sends.set(event.who, [{ event, text: String(text) }]);
    } else if (event.kind === "guest.invalidate" && event.fields.ret === 0) {
      const waiting = sends.get(event.who) ?? [];
      const at = waiting.findIndex(({ text }) => isOf(event, text));
      const [send] = at < 0 ? [] : waiting.splice(at, 1);
      found.push({ done: event, sent: send?.event, types: Number(send ? (fieldOf(send.text, "inv_type") ?? 0) : 0), ...between(hardware, send?.event.n ?? 0) });
    } else if (event.kind === "guest.invalidate") {
      const waiting = sends.get(event.who) ?? [];
      const at = waiting.findIndex(({ text }) => isOf(event, text));
      if (at >= 0) waiting.splice(at, 1);
    }
  }
  return found;
}

function isOf({ ids, fields }: TraceEvent, text: string): boolean {
  if (fieldOf(text, "domain") !== String(ids.domain)) return false;
  if (fields.granularity === "PASID") return fieldOf(text, "pasid") === String(ids.pasid);
  return fieldOf(text, "asid") === String(ids.asid) && (fields.granularity !== "VA" || fieldOf(text, "gva") === ids.gva);
}

function between(hardware: readonly TraceEvent[], from: number): Pick<Invalidation, "executed" | "completed"> {
  let first = hardware.length;
  while (first > 0 && hardware[first - 1].n > from) first--;
  const window = hardware.slice(first);
  const sync = window.findLastIndex(({ kind, fields }) => kind === "command.executed" && fields.name === "CMD_SYNC");
  const executed = window.slice(0, Math.max(0, sync)).filter(({ kind }) => kind === "command.executed");
  const asked = new Map<string, TraceEvent>();
  const completed = new Map<string, TraceEvent[]>();
  for (const event of window) {
    const key = `${endpointOf(event)}/${event.fields.itag}`;
    if (event.kind === "ats.invalidate-request") asked.set(key, event);
    const request = event.kind === "ats.invalidate-completion" ? asked.get(key) : undefined;
    if (request) completed.set(endpointOf(event), [...(completed.get(endpointOf(event)) ?? []), request]);
  }
  return { executed, completed };
}
