import { prgCodeOfPriResp } from "@faultline/shared/page-response/page-response.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, groupText, tampered } from "./naming.ts";

type Tuple = Record<string, unknown>;
interface Side {
  kinds: readonly string[];
  /** The fields that cross, as this side has them; null: the event says nothing about this hop. */
  fields(event: TraceEvent): Tuple | null;
}
interface Hop {
  direction: string;
  sent: Side;
  received: Side;
}

const address = ({ ids }: TraceEvent) => ids.iova ?? ids.gva;
const fault = (event: TraceEvent): Tuple => ({ pasid: event.ids.pasid, address: address(event), last: event.fields.last });
const code = (event: TraceEvent): Tuple => ({ code: event.fields.code });

/** Each hop of a fault and of its answer: what one side encoded is what the other decodes, whatever the structure between them (steps d to h of spec/flow.md). */
const hops: readonly Hop[] = [
  {
    direction: "smmu->host",
    sent: { kinds: ["pri-queue.record"], fields: (event) => ({ ...fault(event), read: event.fields.R, write: event.fields.W }) },
    received: { kinds: ["host.pri-record"], fields: (event) => ({ ...fault(event), read: event.fields.read, write: event.fields.write }) },
  },
  {
    direction: "host->vmm",
    sent: { kinds: ["host.fault-reported"], fields: (event) => (event.ids.grpid === undefined ? null : fault(event)) },
    received: { kinds: ["vmm.fault-drained"], fields: fault },
  },
  { direction: "vmm->guest", sent: { kinds: ["vmm.event-used"], fields: fault }, received: { kinds: ["guest.event-received"], fields: fault } },
  { direction: "guest->vmm", sent: { kinds: ["guest.page-response"], fields: code }, received: { kinds: ["vmm.page-response"], fields: code } },
  {
    direction: "vmm->host",
    sent: { kinds: ["vmm.page-response", "vmm.group-refused"], fields: code },
    // What matched no request is judged by nobody: the ring may show an entry of before (RR-61).
    received: { kinds: ["host.page-response"], fields: (event) => (event.fields.ret === 0 ? code(event) : null) },
  },
  {
    direction: "host->smmu",
    sent: { kinds: ["host.command"], fields: (event) => (event.fields.name === "CMD_PRI_RESP" ? { code: prgCodeOfPriResp(Number(event.fields.resp)) } : null) },
    received: { kinds: ["prg-response.sent"], fields: code },
  },
];

/** Groups are named in the operands of a command, in the ids of everything else. */
const groupOf = (event: TraceEvent): string => `${event.fields.sid ?? endpointOf(event)}/${event.fields.grpid ?? event.ids.grpid}`;
const text = (tuple: Tuple): string =>
  Object.entries(tuple)
    .map(([name, value]) => `${name} ${value ?? "none"}`)
    .join(", ");
const TAMPERING = new Set(["corrupt", "replay", "answer"]);

/** INV-6: every field arrives as it was sent. A hop on which the lab itself changes messages is not judged. */
export const inv6: Checker = {
  id: "INV-6",
  sentence: "Every field is at the offset, width and byte order both sides expect.",
  reads: [
    "edge.rule",
    "guest.event-received",
    "guest.page-response",
    "host.command",
    "host.fault-reported",
    "host.page-response",
    "host.pri-record",
    "prg-response.sent",
    "pri-queue.auto-response",
    "pri-queue.record",
    "vmm.event-used",
    "vmm.fault-drained",
    "vmm.group-refused",
    "vmm.page-response",
  ],
  check(history) {
    const violations: Violation[] = [];
    const rules = history.filter(({ kind }) => kind === "edge.rule");
    for (const hop of hops) {
      if (!tampered(rules, hop.direction, TAMPERING)) violations.push(...judgeHop(hop, history));
    }
    return violations;
  },
};

interface Sent {
  tuples: Set<string>;
  last: TraceEvent;
  lastTuple: Tuple;
}
function keyOf(tuple: Tuple): string {
  let key = "";
  for (const name in tuple) key += `${tuple[name] ?? ""}/`;
  return key;
}

function judgeHop({ direction, sent, received }: Hop, history: readonly TraceEvent[]): Violation[] {
  const groups = new Map<string, Sent>();
  const automatic = new Set<string>();
  const arrivals: TraceEvent[] = [];
  // What was sent is taken from the whole history: the events of the two sides may be stamped in either order.
  for (const event of history) {
    if (received.kinds.includes(event.kind)) arrivals.push(event);
    else if (event.kind === "pri-queue.auto-response") automatic.add(groupOf(event));
    const tuple = sent.kinds.includes(event.kind) ? sent.fields(event) : null;
    if (!tuple) continue;
    const key = groupOf(event);
    const group = groups.get(key);
    if (!group) groups.set(key, { tuples: new Set([keyOf(tuple)]), last: event, lastTuple: tuple });
    else {
      group.tuples.add(keyOf(tuple));
      group.last = event;
      group.lastTuple = tuple;
    }
  }
  return arrivals.flatMap((event): Violation[] => {
    const tuple = received.fields(event);
    const group = tuple && groups.get(groupOf(event));
    // A group that this hop's sender never named is INV-2's to judge; an automatic response is the SMMU's own.
    if (!group || group.tuples.has(keyOf(tuple)) || (direction === "host->smmu" && automatic.has(groupOf(event)))) return [];
    const differing = Object.keys(tuple).filter((name) => tuple[name] !== group.lastTuple[name]);
    const pick = (of: Tuple) => text(Object.fromEntries(differing.map((name) => [name, of[name]])));
    const message = `${groupText(event)}: ${direction} ${event.kind} has ${pick(tuple)}, sent was ${pick(group.lastTuple)}`;
    return [{ invariant: "INV-6", message, events: [group.last.n, event.n] }];
  });
}
