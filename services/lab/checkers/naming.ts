import type { TraceEvent, TraceFields, TraceIds } from "@faultline/shared/trace/tracer.ts";

/** Endpoint of an event: the virtio-iommu endpoint id is the guest BDF, the host BDF and the StreamID (interfaces.md, section 4). */
export const endpointOf = ({ ids }: { ids: TraceIds }): string => ids.sid ?? ids.endpoint ?? "?";
/** The VM of "guest0" and "vmm0"; "" of what belongs to none. */
export const vmOf = (who: string): string => who.replace(/\D+/, "");

const groupKeys = new Map<string, Map<number | undefined, string>>();
/** "0x8/3". Each is built once: several checkers ask for that of nearly every event. */
export function groupKey(endpoint: string, grpid: number | undefined): string {
  let keys = groupKeys.get(endpoint);
  if (keys === undefined) groupKeys.set(endpoint, (keys = new Map()));
  let key = keys.get(grpid);
  if (key === undefined) keys.set(grpid, (key = `${endpoint}/${grpid}`));
  return key;
}
export const groupKeyOf = (event: { ids: TraceIds }): string => groupKey(endpointOf(event), event.ids.grpid);
/** Takes the groups of an endpoint out of a map by their keys. */
export function forgetGroups(groups: Map<string, unknown> | Set<string>, endpoint: string): void {
  for (const key of groups.keys()) if (key.startsWith(`${endpoint}/`)) groups.delete(key);
}

/** An address space by the endpoint that uses it: "0x8/5". Events of hardware call the PASID an SSID where they have no PASID. */
export const pasidKeyOf = (event: { ids: TraceIds }): string => `${endpointOf(event)}/${event.ids.pasid ?? event.ids.ssid}`;

/** The 4 KiB page of an address in hex: "0x7f0000007123" is in "0x7f0000007". */
export const pageOf = (address: string): string => (address.length > 5 ? address.slice(0, -3) : "0x0");

export const pasidText = (pasid: number | undefined): string => (pasid === undefined ? "no PASID" : `PASID ${pasid}`);
/** "endpoint 0x8, PASID 5, group 3". */
export const groupText = (event: { ids: TraceIds }): string => `endpoint ${endpointOf(event)}, ${pasidText(event.ids.pasid)}, group ${event.ids.grpid}`;

/** A frame by its PA: "frame 0x417a5000". */
export const frameText = (pa: string | undefined): string => `frame ${pa === undefined ? "?" : `${pageOf(pa)}000`}`;

/** The hardware lost its power, whose ever doing that was: its functions are as after power-on, and nothing of before is open in them. */
export const losesPower = ({ kind, fields }: TraceEvent): boolean =>
  kind === "lab.part" && fields.part === "smmu" && (fields.did === "kill" || fields.did === "restart" || fields.did === "exit");

/** A rule of the lab did `doing` to a message of `direction`: what follows from that alone is no defect of the machine. */
export const tampered = (history: readonly TraceEvent[], direction: string, doing: ReadonlySet<string>): boolean =>
  history.some(({ kind, fields }) => kind === "edge.rule" && fields.direction === direction && doing.has(String(fields.do)));

/** Fields that say whose a message is. */
const NAMES: ReadonlySet<unknown> = new Set(["StreamID", "endpoint", "PRGIndex", "group_id", "grpid"]);

/** Of which groups `doing` changed messages of a direction: what arrives for others there is judged all the same. `everything`: a message may have become another group's. */
export function tamperedGroups(history: readonly TraceEvent[], direction: string, doing: ReadonlySet<string>): ReadonlySet<number> | "everything" {
  const groups = new Set<number>();
  for (const { kind, ids, fields } of history) {
    if (kind !== "edge.rule" || fields.direction !== direction || !doing.has(String(fields.do))) continue;
    if (ids.grpid === undefined || fields.do === "replay" || NAMES.has(fields.field)) return "everything";
    groups.add(ids.grpid);
  }
  return groups;
}

/** The lab changed commands on their way: the SMMU sends the response that it is told to send, whoever it is for. */
export const forgedCommands = (history: readonly TraceEvent[]): boolean => tampered(history, "host->smmu", new Set(["corrupt", "replay", "drop"]));

/** A field as a number; -1 when it is none. */
export const numberOf = (fields: TraceFields, name: string): number => {
  const value = fields[name];
  return typeof value === "number" ? value : -1;
};

/** The hardware found no valid CD for a PASID: it was not bound, or not any more, or the hardware sees the CD of before. */
export const foundBadCd = ({ kind, fields }: TraceEvent): boolean =>
  (kind === "ats.translation-request" || kind === "event-queue.record") && (fields.event === "C_BAD_CD" || fields.event === "C_BAD_SUBSTREAMID");
