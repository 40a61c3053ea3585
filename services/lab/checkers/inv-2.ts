import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";
import { inParts, type Violation } from "./checker.ts";
import { endpointOf, forgedCommands, forgetGroups, groupKeyOf, groupText, pasidText, tampered } from "./naming.ts";

/** Who was asked by what, and answers by what: one row per hop of the response, from the guest down to the function. */
const hops = [
  { who: "the guest", asked: ["guest.event-received"], answers: ["guest.page-response"] },
  { who: "the VMM", asked: ["vmm.fault-drained"], answers: ["vmm.page-response", "vmm.group-refused"] },
  { who: "the host", asked: ["host.pri-record"], answers: ["host.pri-response"] },
  { who: "the SMMU", asked: ["pri-queue.record", "pri-queue.auto-response"], answers: ["prg-response.sent"] },
] as const;
type Hop = (typeof hops)[number];
/** What an event is at a hop. A reset of the function closes what was asked there, once that hop has done its part of it (S32: a late answer is for nobody). */
interface Role {
  hop: Hop;
  does: "asks" | "answers" | "closes";
}
const roleOf = new Map<string, Role>([
  ...hops.flatMap((hop) => hop.asked.map((kind): [string, Role] => [kind, { hop, does: "asks" }])),
  ...hops.flatMap((hop) => hop.answers.map((kind): [string, Role] => [kind, { hop, does: "answers" }])),
  ["vmm.function-reset", { hop: hops[1], does: "closes" }],
  ["host.groups-closed", { hop: hops[2], does: "closes" }],
]);

/** Per group: the latest request of each PASID. */
type Asked = Map<string, Map<number | undefined, TraceEvent>>;

/** INV-2: at each hop an answer names an endpoint, a group and a PASID that were asked about there. An answer without PASID is judged where the function takes it in (FL-I2). */
export const inv2 = inParts("INV-2", "A response carries the endpoint, the group id and, when required, the PASID of its request.", [
  {
    reads: [
      "edge.rule",
      "guest.event-received",
      "guest.page-response",
      "host.groups-closed",
      "host.pri-record",
      "host.pri-response",
      "prg-response.sent",
      "pri-queue.auto-response",
      "pri-queue.record",
      "vmm.fault-drained",
      "vmm.function-reset",
      "vmm.group-refused",
      "vmm.page-response",
    ],
    check: answersToNobody,
  },
  { reads: ["edge.rule", "host.fault-reported", "host.groups-closed", "host.page-response"], check: refusedByHost },
]);

function answersToNobody(history: readonly TraceEvent[]): Violation[] {
  const violations: Violation[] = [];
  const asked = new Map<Hop, Asked>(hops.map((hop) => [hop, new Map()]));
  for (const event of history) {
    const role = roleOf.get(event.kind);
    if (!role) continue;
    const groups = asked.get(role.hop)!;
    if (role.does === "closes") {
      forgetGroups(groups, endpointOf(event));
      continue;
    }
    const key = groupKeyOf(event);
    const pasids = groups.get(key);
    if (role.does === "asks") {
      if (pasids) pasids.set(event.ids.pasid, event);
      else groups.set(key, new Map([[event.ids.pasid, event]]));
      continue;
    }
    const { who } = role.hop;
    if (pasids && (event.ids.pasid === undefined || pasids.has(event.ids.pasid))) continue;
    if (who === "the SMMU" && forgedCommands(history)) continue;
    if (pasids) {
      const requests = [...pasids.values()];
      const due = requests.map(({ ids }) => pasidText(ids.pasid)).join(" or ");
      violations.push({
        invariant: "INV-2",
        message: `${groupText(event)}: ${who} answered this PASID, asked was ${due}`,
        events: [...requests.map(({ n }) => n), event.n],
      });
      continue;
    }
    const meant = lastRequest(groups, event);
    const instead = meant ? `; asked was ${groupText(meant)}` : "";
    violations.push({
      invariant: "INV-2",
      message: `${groupText(event)}: ${who} answered a group that nobody asked about${instead}`,
      events: [...(meant ? [meant.n] : []), event.n],
    });
  }
  return violations;
}

const TAMPERING = new Set(["drop", "duplicate", "delay", "hold", "corrupt", "replay", "answer"]);

/** IC-418: a response for a group that the host waits for, which the host takes for none of it: its PASID is missing or wrong. Not judged where the lab acts on what the ring shows. */
function refusedByHost(history: readonly TraceEvent[]): Violation[] {
  if (tampered(history, "vmm->host", TAMPERING)) return [];
  const violations: Violation[] = [];
  const pending = new Map<string, TraceEvent>();
  for (const event of history) {
    if (event.kind === "host.fault-reported" && event.fields.last) pending.set(groupKeyOf(event), event);
    else if (event.kind === "host.groups-closed") {
      for (const grpid of event.fields.groups as readonly TraceValue[]) pending.delete(`${endpointOf(event)}/${grpid}`);
    } else if (event.kind === "host.page-response") {
      const key = groupKeyOf(event);
      const fault = pending.get(key);
      if (event.fields.ret !== -EINVAL) pending.delete(key);
      else if (fault) {
        const message = `${groupText(fault)}: the host waits for its answer and matched none with ${pasidText(event.ids.pasid)}: it is lost`;
        violations.push({ invariant: "INV-2", message, events: [fault.n, event.n] });
      }
    }
  }
  return violations;
}

/** What the answer probably was for: the latest request of the same endpoint, else of the same group elsewhere. */
function lastRequest(groups: Asked, answer: TraceEvent): TraceEvent | undefined {
  const requests = [...groups.values()].flatMap((pasids) => [...pasids.values()]).sort((a, b) => b.n - a.n);
  return requests.find((request) => endpointOf(request) === endpointOf(answer)) ?? requests.find(({ ids }) => ids.grpid === answer.ids.grpid);
}
