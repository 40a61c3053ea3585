import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { MAINTENANCE } from "./commands.ts";
import { endpointOf } from "./naming.ts";

/** What a gap is read from. */
export const GAP_EVENTS = ["ats.invalidate-completion", ...MAINTENANCE, "guest.mm-released", "guest.munmap"] as const;

const TLBI = /^CMD_TLBI_/;

/**
 * Which invalidation did not happen between the removal of a mapping and the free of its frames: "no CMD_TLBI_* between #812 and #840". Empty: both happened, or no removal is known.
 * `freed` is an event of the guest after the removal; `endpoint` whose ATC must let go.
 */
export function invalidationGap(history: readonly TraceEvent[], freed: TraceEvent, endpoint: string): string {
  let start: TraceEvent | undefined;
  for (const event of history) {
    if (event.n >= freed.n) break;
    if (event.who === freed.who && (event.kind === "guest.munmap" || event.kind === "guest.mm-released")) start = event;
  }
  if (!start) return "";
  const window = history.filter(({ n }) => n > start.n && n < freed.n);
  const between = `between #${start.n} and #${freed.n}`;
  if (!window.some(({ kind, fields }) => kind === "command.executed" && TLBI.test(String(fields.name)))) return `no CMD_TLBI_* ${between}`;
  const completed = window.some((event) => event.kind === "ats.invalidate-completion" && endpointOf(event) === endpoint);
  return completed ? "" : `no ATS invalidation of endpoint ${endpoint} completed ${between}`;
}
