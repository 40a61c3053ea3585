import { prgCodeOfPriResp, priRespOfCode } from "@faultline/shared/page-response/page-response.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { groupKey, groupKeyOf, groupText, tamperedGroups } from "./naming.ts";

type Field = (event: TraceEvent) => unknown;
interface Side {
  kinds: readonly string[];
  /** Whether the event says something about this hop; absent: it does. */
  about?(event: TraceEvent): boolean;
  /** The fields that cross, as this side has them. */
  fields: Readonly<Record<string, Field>>;
}
/** Both sides have the same fields. */
interface Hop {
  direction: string;
  sent: Side;
  received: Side;
}

const fault = {
  pasid: ({ ids }: TraceEvent) => ids.pasid,
  address: ({ ids }: TraceEvent) => ids.iova ?? ids.gva,
  last: ({ fields }: TraceEvent) => fields.last,
};
const code = { code: ({ fields }: TraceEvent) => fields.code };
const prgCode = { code: ({ fields }: TraceEvent) => prgCodeOfPriResp(Number(fields.resp)) };
const inGroup = ({ ids }: TraceEvent) => ids.grpid !== undefined;
const matched = ({ fields }: TraceEvent) => fields.ret === 0;

/** Each hop of a fault and of its answer: what one side encoded is what the other decodes, whatever the structure between them (steps d to h of spec/flow.md). */
const hops: readonly Hop[] = [
  {
    direction: "smmu->host",
    sent: { kinds: ["pri-queue.record"], fields: { ...fault, read: ({ fields }) => fields.R, write: ({ fields }) => fields.W } },
    received: { kinds: ["host.pri-record"], fields: { ...fault, read: ({ fields }) => fields.read, write: ({ fields }) => fields.write } },
  },
  // Stalls and faults without a group come from the event queue.
  {
    direction: "inside the host",
    sent: { kinds: ["host.pri-record"], fields: fault },
    received: { kinds: ["host.fault-reported"], about: inGroup, fields: fault },
  },
  {
    direction: "host->vmm",
    sent: { kinds: ["host.fault-reported"], about: inGroup, fields: fault },
    received: { kinds: ["vmm.fault-drained"], fields: fault },
  },
  { direction: "vmm->guest", sent: { kinds: ["vmm.event-used"], fields: fault }, received: { kinds: ["guest.event-received"], fields: fault } },
  { direction: "guest->vmm", sent: { kinds: ["guest.page-response"], fields: code }, received: { kinds: ["vmm.page-response"], fields: code } },
  {
    direction: "vmm->host",
    sent: { kinds: ["vmm.page-response", "vmm.group-refused"], fields: code },
    // What matched no request is judged by nobody: the ring may show an entry of before (RR-61).
    received: { kinds: ["host.page-response"], about: matched, fields: code },
  },
  {
    direction: "inside the host",
    sent: { kinds: ["host.page-response"], about: matched, fields: { code: ({ fields }) => prgCodeOfPriResp(priRespOfCode(Number(fields.code))) } },
    // The driver answers some groups itself: then no response of the VMM was taken.
    received: { kinds: ["host.pri-response"], fields: prgCode },
  },
  {
    direction: "host->smmu",
    sent: { kinds: ["host.command"], about: ({ fields }) => fields.name === "CMD_PRI_RESP", fields: prgCode },
    received: { kinds: ["prg-response.sent"], fields: code },
  },
];

/** Groups are named in the operands of a command, in the ids of everything else. */
const groupOf = (event: TraceEvent): string => (event.kind === "host.command" ? groupKey(String(event.fields.sid), event.fields.grpid as number) : groupKeyOf(event));
const TAMPERING = new Set(["corrupt", "replay", "answer"]);

/** INV-6: every field arrives as it was sent. What the lab itself changed is not judged: the messages of a group on a hop, or all of a hop where it may have changed whose they are. */
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
    const crossings = hops.flatMap((hop) => {
      const tampered = tamperedGroups(rules, hop.direction, TAMPERING);
      return tampered === "everything" ? [] : [new Crossing(hop, tampered)];
    });
    const roles = rolesOf(crossings);
    const automatic = new Set<string>();
    for (const event of history) {
      if (event.kind === "pri-queue.auto-response") automatic.add(groupKeyOf(event));
      const role = roles.get(event.kind);
      if (!role) continue;
      const group = groupOf(event);
      for (let i = 0; i < role.sent.length; i++) role.sent[i].sent(event, group);
      for (let i = 0; i < role.received.length; i++) role.received[i].received(event, group);
    }
    return crossings.flatMap((crossing) => crossing.violations(automatic));
  },
};

/** Of which hops an event shows the one side or the other. */
function rolesOf(crossings: readonly Crossing[]): Map<string, Record<"sent" | "received", Crossing[]>> {
  const kinds = new Set(hops.flatMap(({ sent, received }) => [...sent.kinds, ...received.kinds]));
  const of = (kind: string, side: "sent" | "received") => crossings.filter(({ hop }) => hop[side].kinds.includes(kind));
  return new Map([...kinds].map((kind) => [kind, { sent: of(kind, "sent"), received: of(kind, "received") }]));
}

/** What was sent for one group, in order, and how much of it has arrived. */
interface Sent {
  events: TraceEvent[];
  arrived: number;
}

/** What crossed one hop. */
class Crossing {
  readonly hop: Hop;
  readonly #fields: readonly { name: string; sent: Field; received: Field }[];
  readonly #groups = new Map<string, Sent>();
  readonly #tampered: ReadonlySet<number>;
  /** Arrivals that are not what was sent next: judged at the end, by all that was sent. The events of the two sides may be stamped in either order. */
  readonly #doubtful: { event: TraceEvent; key: string }[] = [];

  /** `tampered`: groups whose messages the lab changed. */
  constructor(hop: Hop, tampered: ReadonlySet<number>) {
    this.hop = hop;
    this.#tampered = tampered;
    this.#fields = Object.keys(hop.sent.fields).map((name) => ({ name, sent: hop.sent.fields[name], received: hop.received.fields[name] }));
  }

  sent(event: TraceEvent, key: string): void {
    if (this.hop.sent.about?.(event) === false) return;
    const group = this.#groups.get(key);
    if (group) group.events.push(event);
    else this.#groups.set(key, { events: [event], arrived: 0 });
  }

  received(event: TraceEvent, key: string): void {
    if (this.hop.received.about?.(event) === false) return;
    const group = this.#groups.get(key);
    const at = group ? this.#find(group.events, event, group.arrived) : -1;
    if (at >= 0) group!.arrived = at + 1;
    else if (!this.#tampered.has(event.ids.grpid ?? -1)) this.#doubtful.push({ event, key });
  }

  /** `automatic`: groups that the SMMU answered by itself. */
  violations(automatic: ReadonlySet<string>): Violation[] {
    const found: Violation[] = [];
    const { direction } = this.hop;
    for (const { event, key } of this.#doubtful) {
      const group = this.#groups.get(key);
      // A group that this hop's sender never named is INV-2's to judge; an automatic response is the SMMU's own.
      if (!group || (direction === "host->smmu" && automatic.has(key)) || this.#find(group.events, event, 0) >= 0) continue;
      const last = group.events.at(-1)!;
      const differing = this.#fields.filter(({ sent, received }) => sent(last) !== received(event));
      const text = (of: (field: { sent: Field; received: Field }) => unknown) => differing.map((field) => `${field.name} ${of(field) ?? "none"}`).join(", ");
      const message = `${groupText(event)}: ${direction} ${event.kind} has ${text(({ received }) => received(event))}, sent was ${text(({ sent }) => sent(last))}`;
      found.push({ invariant: "INV-6", message, events: [last.n, event.n] });
    }
    return found;
  }

  /** The first of `sent`, from the index `from` on, that has the fields of `received`; -1: none. */
  #find(sent: readonly TraceEvent[], received: TraceEvent, from: number): number {
    for (let at = from; at < sent.length; at++) if (this.#crossed(sent[at], received)) return at;
    return -1;
  }

  #crossed(sent: TraceEvent, received: TraceEvent): boolean {
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i++) if (!equal(fields[i].sent(sent), fields[i].received(received))) return false;
    return true;
  }
}

/** As text: what is absent equals null. */
const equal = (a: unknown, b: unknown): boolean => a === b || `${a ?? ""}` === `${b ?? ""}`;
