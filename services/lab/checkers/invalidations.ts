import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { MAINTENANCE } from "./commands.ts";
import { endpointOf } from "./naming.ts";

/** What invalidations are read from. */
export const INVALIDATION_EVENTS = ["ats.invalidate-completion", "ats.invalidate-request", ...MAINTENANCE, "guest.invalidate", "guest.invalidate-request"] as const;

export interface Invalidation {
  /** The request's completion in the guest, `guest.invalidate`. */
  done: TraceEvent;
  /** Its request, `guest.invalidate-request`; undefined: the history began behind it, or was recorded before there were such events. */
  sent: TraceEvent | undefined;
  /** VIRTIO_IOMMU_INV_T_* bits of the request; 0 when it is not known. */
  types: number;
  /** Commands that the SMMU executed meanwhile and that a CMD_SYNC followed. */
  executed: TraceEvent[];
  /** ATS Invalidate Requests of that time whose completion came, by endpoint. */
  completed: Map<string, TraceEvent[]>;
}

/** Every INVALIDATE that the guest was told is done, with what the hardware did between its request and its completion. */
export function invalidations(history: readonly TraceEvent[]): Invalidation[] {
  const found: Invalidation[] = [];
  const requests = new Map<number | null, TraceEvent>();
  const hardware: TraceEvent[] = [];
  for (const event of history) {
    if (event.kind === "command.executed" || event.kind === "ats.invalidate-request" || event.kind === "ats.invalidate-completion") hardware.push(event);
    else if (event.kind === "guest.invalidate-request") requests.set(event.n, event);
    else if (event.kind === "guest.invalidate" && event.fields.ret === 0) {
      const sent = requests.get(event.cause);
      found.push({ done: event, sent, types: Number(sent?.fields.types ?? 0), ...between(hardware, sent?.n ?? 0) });
    }
  }
  return found;
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
