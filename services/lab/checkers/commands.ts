import { maintenanceCommands } from "@faultline/shared/arm-smmu-v3/command.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { numberOf } from "./naming.ts";

/** The commands that invalidate something, and the one that waits for them. */
export const MAINTENANCE = maintenanceCommands.map((name) => `command.executed ${name}` as const);

const TLBI_OF_ALL = new Set(["CMD_TLBI_NH_ALL", "CMD_TLBI_S12_VMALL", "CMD_TLBI_NSNH_ALL", "CMD_TLBI_EL2_ALL"]);
/** Log2 of the granule that TG names in a range command (4.4.1.1): 0 is no range. */
const TG_BITS = [0, 12, 14, 16] as const;

/** [first, last] that a TLBI by VA names; a command without range fields names one page of 4 KiB at least. */
function spanOf({ fields }: TraceEvent): [bigint, bigint] {
  const first = BigInt(String(fields.Addr ?? fields.iova ?? "0x0"));
  const tg = numberOf(fields, "TG");
  const bits = TG_BITS[tg as 0 | 1 | 2 | 3] ?? 0;
  const bytes = bits === 0 ? 4096n : BigInt((Math.max(0, numberOf(fields, "NUM")) + 1) * 2 ** Math.max(0, numberOf(fields, "SCALE"))) << BigInt(bits);
  return [first, first + bytes - 1n];
}

/** Pages of [first, last] that `events` (executed TLBIs) leave in the TLB under `asid`; null: none. */
export function pageLeft(events: readonly TraceEvent[], asid: number, first: bigint, last: bigint): bigint | null {
  const spans: [bigint, bigint][] = [];
  for (const event of events) {
    const name = String(event.fields.name);
    if (TLBI_OF_ALL.has(name) || (name === "CMD_TLBI_NH_ASID" && event.fields.ASID === asid)) return null;
    if (name === "CMD_TLBI_NH_VAA" || (name === "CMD_TLBI_NH_VA" && event.fields.ASID === asid)) spans.push(spanOf(event));
  }
  let at = first;
  for (const [from, to] of spans.sort(([a], [b]) => (a < b ? -1 : 1))) if (from <= at && to >= at) at = to + 1n;
  return at > last ? null : at;
}

/** TLBIs by VA under `asid` that name something of [first, last]. */
export const tlbisWithin = (events: readonly TraceEvent[], asid: number, first: bigint, last: bigint): number =>
  events.filter((event) => {
    if (event.fields.name !== "CMD_TLBI_NH_VA" || event.fields.ASID !== asid) return false;
    const [from, to] = spanOf(event);
    return to >= first && from <= last;
  }).length;

/** Everything under an ASID goes: a TLBI by ASID or wider. */
export const emptiesAsid = (events: readonly TraceEvent[], asid: number): boolean =>
  events.some(({ fields }) => TLBI_OF_ALL.has(String(fields.name)) || (fields.name === "CMD_TLBI_NH_ASID" && fields.ASID === asid));

/** The CD of a PASID goes from the configuration cache: CMD_CFGI_CD of it, or wider. */
export const emptiesCd = (events: readonly TraceEvent[], pasid: number): boolean =>
  events.some(({ fields }) => {
    const name = String(fields.name);
    return (name === "CMD_CFGI_CD" && fields.SubstreamID === pasid) || name === "CMD_CFGI_CD_ALL" || name === "CMD_CFGI_STE" || name === "CMD_CFGI_STE_RANGE";
  });
