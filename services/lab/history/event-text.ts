import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";

const valueText = (name: string, value: TraceValue): string => (value === true ? name : `${name}=${Array.isArray(value) ? value.join(",") : value}`);

/** An event as one line (interfaces.md, section 7): `host pri-queue.record: sid=0x8 pasid=5 grpid=3 last`. What is false, absent or null is left out. */
export function eventText({ who, kind, ids, fields }: TraceEvent): string {
  const pairs = Object.entries<TraceValue>({ ...ids, ...fields }).filter(
    ([, value]) => value !== undefined && value !== null && value !== false && !(Array.isArray(value) && !value.length),
  );
  return `${who} ${kind}${pairs.length ? `: ${pairs.map(([name, value]) => valueText(name, value)).join(" ")}` : ""}`;
}
