import type { CommandName } from "@faultline/shared/arm-smmu-v3/command.ts";
import type { HostToSmmu, SmmuToHost } from "@faultline/shared/edge/smmu.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import { type AspectKind, aspects } from "@faultline/shared/trace/aspects.ts";
import type { TraceKind } from "@faultline/shared/trace/trace-events.ts";
import type { TraceEvent, TraceFields } from "@faultline/shared/trace/tracer.ts";

type Message = GuestToVmm | VmmToGuest | VmmToHost | HostToVmm | HostToSmmu | SmmuToHost;
/** Of the most frequent kinds one says which: messages by the kind of their body, commands by name, requests by type, translations by whether they gave access. */
type Aspects = {
  "edge.send": Message["kind"];
  "edge.deliver": Message["kind"];
  "command.executed": CommandName;
  "vmm.request": number;
  "ats.translation-request": "access" | "no-access";
};
/** What is read of a history: the events of a kind, or of a kind in shared/trace/aspects.ts one aspect: `edge.deliver ioctl`. */
export type Read = Exclude<TraceKind, AspectKind> | { [Kind in AspectKind]: `${Kind} ${Aspects[Kind]}` }[AspectKind];

const aspectOf: Partial<Record<string, (fields: TraceFields) => string>> = aspects;
/** The name under which an event is read. */
export function readOf({ kind, fields }: TraceEvent): string {
  const aspect = aspectOf[kind];
  return aspect === undefined ? kind : `${kind} ${aspect(fields)}`;
}

/** The events that are read under one name: how many there are, and the lists that they go to. */
interface Named {
  count: number;
  lists: List[];
}
/** The events of one reader, as far as they are filled in. */
interface List {
  names: Named[];
  events: TraceEvent[];
  filled: number;
}

/** Gives each reader the events of a history that it reads, in order. They are counted first: a list that grows is copied again and again. */
export function readBy(readers: readonly { reads: readonly Read[] }[], history: readonly TraceEvent[]): TraceEvent[][] {
  const names = new Map<string, Named>();
  const lists = readers.map(({ reads }): List => {
    const list: List = { names: [], events: [], filled: 0 };
    for (const name of new Set(reads)) {
      const named = names.get(name) ?? { count: 0, lists: [] };
      names.set(name, named);
      named.lists.push(list);
      list.names.push(named);
    }
    return list;
  });
  const nameOf = history.map((event) => names.get(readOf(event)));
  for (const named of nameOf) if (named) named.count++;
  for (const list of lists) list.events = new Array(list.names.reduce((sum, { count }) => sum + count, 0));
  for (let i = 0; i < history.length; i++) {
    const to = nameOf[i]?.lists;
    if (to) for (let k = 0; k < to.length; k++) to[k].events[to[k].filled++] = history[i];
  }
  return lists.map(({ events }) => events);
}
