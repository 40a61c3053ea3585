import { edgeEvents } from "./events/edge.ts";
import { guestEvents } from "./events/guest.ts";
import { hostEvents } from "./events/host.ts";
import { labEvents } from "./events/lab.ts";
import { smmuEvents } from "./events/smmu.ts";
import { vmmEvents } from "./events/vmm.ts";

/** Every kind of trace event with one sentence: the only place where kinds are named. */
export const traceEvents = { ...edgeEvents, ...smmuEvents, ...hostEvents, ...vmmEvents, ...guestEvents, ...labEvents };
export type TraceKind = keyof typeof traceEvents;
