import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/** Events of messages that cross an edge. They are half of a history, so who reads them says which: `edge.deliver ioctl`, by the kind of the message's body. */
export type MessageEvent = "edge.send" | "edge.deliver";
type Message = GuestToVmm | VmmToGuest | VmmToHost | HostToVmm | HostToSmmu | SmmuToHost;
/** What is read of a history: the events of a kind, or the messages of one. */
export type Read = Exclude<TraceKind, MessageEvent> | `${MessageEvent} ${Message["kind"]}`;

/** The name under which an event is read. */
export const readOf = ({ kind, fields }: TraceEvent): string => (kind === "edge.send" || kind === "edge.deliver" ? `${kind} ${fields.kind}` : kind);

export interface Violation {
  /** "INV-1". */
  invariant: string;
  /** Names the group, frame or count, and where it can the action that is missing: "no CMD_CFGI_CD for PASID 5 between #812 and #840". */
  message: string;
  /** The `n` of the events that show it. */
  events: number[];
}

/** Judges a recorded history, and nothing else: old runs can be judged again by new checkers. What was left at the end is in the history too (`*.counts`, `lab.data-checked`). */
export interface Checker {
  id: string;
  /** The invariant in one sentence. */
  sentence: string;
  /** What it looks at: it is given nothing else, so that judging costs what is looked at, and a campaign records nothing else. */
  reads: readonly Read[];
  check(history: readonly TraceEvent[]): Violation[];
}
