import { prgCodeOfPriResp, priRespOfCode } from "@faultline/shared/page-response/page-response.ts";
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
const grouped = (event: TraceEvent): Tuple | null => (event.ids.grpid === undefined ? null : fault(event));
const code = (event: TraceEvent): Tuple => ({ code: event.fields.code });

/** Each hop of a fault and of its answer: what one side encoded is what the other decodes, whatever the structure between them (steps d to h of spec/flow.md). */
const hops: readonly Hop[] = [
  {
    direction: "smmu->host",
    sent: { kinds: ["pri-queue.record"], fields: (event) => ({ ...fault(event), read: event.fields.R, write: event.fields.W }) },
    received: { kinds: ["host.pri-record"], fields: (event) => ({ ...fault(event), read: event.fields.read, write: event.fields.write }) },
  },
  // Stalls and faults without a group come from the event queue.
  { direction: "inside the host", sent: { kinds: ["host.pri-record"], fields: fault }, received: { kinds: ["host.fault-reported"], fields: grouped } },
  {
    direction: "host->vmm",
    sent: { kinds: ["host.fault-reported"], fields: grouped },
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
    direction: "inside the host",
    sent: { kinds: ["host.page-response"], fields: (event) => (event.fields.ret === 0 ? { code: prgCodeOfPriResp(priRespOfCode(Number(event.fields.code))) } : null) },
    // The driver answers some groups itself: then no response of the VMM was taken.
    received: { kinds: ["host.pri-response"], fields: (event) => ({ code: prgCodeOfPriResp(Number(event.fields.resp)) }) },
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
    "host.pri-response",
    "prg-response.sent",
    "pri-queue.auto-response",
    "pri-queue.record",
    "vmm.event-used",
    "vmm.fault-drained",
    "vmm.group-refused",
    "vmm.page-response",
  ],
  check(history) {
    const rules = history.filter(({ kind }) => kind === "edge.rule");
    const judged = new Map(hops.filter(({ direction }) => !tampered(rules, direction, TAMPERING)).map((hop) => [hop, new Crossing(hop)]));
    const automatic = new Set<string>();
    // What was sent is taken from the whole history: the events of the two sides may be stamped in either order.
    for (const event of history) {
      if (event.kind === "pri-queue.auto-response") automatic.add(groupOf(event));
      for (const { hop, side } of rolesOf.get(event.kind) ?? NO_ROLES) judged.get(hop)?.[side](event);
    }
    return [...judged.values()].flatMap((crossing) => crossing.violations(automatic));
  },
};

/** Which side of which hops an event shows. */
const rolesOf = new Map<string, { hop: Hop; side: "sent" | "received" }[]>();
for (const hop of hops)
  for (const side of ["sent", "received"] as const) for (const kind of hop[side].kinds) rolesOf.set(kind, [...(rolesOf.get(kind) ?? []), { hop, side }]);
const NO_ROLES: readonly { hop: Hop; side: "sent" | "received" }[] = [];

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

/** What crossed one hop. */
class Crossing {
  readonly #hop: Hop;
  readonly #groups = new Map<string, Sent>();
  readonly #arrivals: TraceEvent[] = [];

  constructor(hop: Hop) {
    this.#hop = hop;
  }

  received(event: TraceEvent): void {
    this.#arrivals.push(event);
  }

  sent(event: TraceEvent): void {
    const tuple = this.#hop.sent.fields(event);
    if (!tuple) return;
    const key = groupOf(event);
    const group = this.#groups.get(key);
    if (!group) return void this.#groups.set(key, { tuples: new Set([keyOf(tuple)]), last: event, lastTuple: tuple });
    group.tuples.add(keyOf(tuple));
    group.last = event;
    group.lastTuple = tuple;
  }

  /** `automatic`: groups that the SMMU answered by itself. */
  violations(automatic: ReadonlySet<string>): Violation[] {
    const found: Violation[] = [];
    const { direction, received } = this.#hop;
    for (const event of this.#arrivals) {
      const tuple = received.fields(event);
      const group = tuple && this.#groups.get(groupOf(event));
      // A group that this hop's sender never named is INV-2's to judge; an automatic response is the SMMU's own.
      if (!group || group.tuples.has(keyOf(tuple)) || (direction === "host->smmu" && automatic.has(groupOf(event)))) continue;
      const differing = Object.keys(tuple).filter((name) => tuple[name] !== group.lastTuple[name]);
      const pick = (of: Tuple) => text(Object.fromEntries(differing.map((name) => [name, of[name]])));
      const message = `${groupText(event)}: ${direction} ${event.kind} has ${pick(tuple)}, sent was ${pick(group.lastTuple)}`;
      found.push({ invariant: "INV-6", message, events: [group.last.n, event.n] });
    }
    return found;
  }
}
