import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/** Events of messages that cross an edge. They are half of a history, so who reads them says which: `edge.deliver ioctl`, by the kind of the message's body. */
type MessageEvent = "edge.send" | "edge.deliver";
type Message = GuestToVmm | VmmToGuest | VmmToHost | HostToVmm | HostToSmmu | SmmuToHost;
/** What is read of a history: the events of a kind, or the messages of one. */
export type Read = Exclude<TraceKind, MessageEvent> | `${MessageEvent} ${Message["kind"]}`;

/** The name under which an event is read. */
export const readOf = ({ kind, fields }: TraceEvent): string => (kind === "edge.send" || kind === "edge.deliver" ? `${kind} ${fields.kind}` : kind);

/** Where the events of a kind go: to these lists, or, of messages, to the lists of each kind of message. */
interface Readers {
  lists: TraceEvent[][];
  byMessage: Map<unknown, TraceEvent[][]> | null;
}

/** One pass over a history that gives each reader the events that it reads, in order. */
export function readBy(readers: readonly { reads: readonly Read[] }[], history: readonly TraceEvent[]): TraceEvent[][] {
  const read = readers.map((): TraceEvent[] => []);
  const byKind = new Map<string, Readers>();
  for (const [index, { reads }] of readers.entries()) for (const one of new Set(reads)) listsOf(byKind, one).push(read[index]);
  for (const event of history) {
    const of = byKind.get(event.kind);
    if (of === undefined) continue;
    const lists = of.byMessage === null ? of.lists : of.byMessage.get(event.fields.kind);
    if (lists !== undefined) for (let i = 0; i < lists.length; i++) lists[i].push(event);
  }
  return read;
}

function listsOf(byKind: Map<string, Readers>, read: Read): TraceEvent[][] {
  const [kind, message] = read.split(" ");
  const of = byKind.get(kind) ?? { lists: [], byMessage: message === undefined ? null : new Map() };
  byKind.set(kind, of);
  if (of.byMessage === null) return of.lists;
  const lists = of.byMessage.get(message) ?? [];
  of.byMessage.set(message, lists);
  return lists;
}
