import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker } from "./checker.ts";
import { endpointOf, groupKeyOf, groupText } from "./naming.ts";

/**
 * FL-ABORT: a Last request that the VMM has when its guest goes, or takes while none is there, gets its INVALID from the VMM itself (spec/flow.md, abort matrix: guest crash; S34). That a reset of
 * the function closes the group later is no answer: the function waits for it meanwhile, or for ever where nobody resets it.
 */
export const flAbort: Checker = {
  id: "FL-ABORT",
  sentence: "A page request that finds no guest, or loses it, is answered by the VMM, not by silence.",
  reads: ["edge.break", "vmm.event-used", "vmm.fault-drained", "vmm.function-reset", "vmm.group-refused", "vmm.page-response"],
  check(history) {
    /** VMMs whose guest is gone. */
    const alone = new Map<string, TraceEvent>();
    /** Requests that the VMM has, and those of them that nobody is there for. */
    const outstanding = new Map<string, TraceEvent>();
    const silent = new Map<string, { request: TraceEvent; gone: TraceEvent }>();
    for (const event of history) {
      const { kind, who, fields } = event;
      if (kind === "edge.break") {
        if (!who.startsWith("vmm")) continue;
        for (const [key, request] of outstanding) {
          if (request.who !== who) continue;
          outstanding.delete(key);
          if (fields.edge === "virtio") silent.set(key, { request, gone: event });
        }
        if (fields.edge === "virtio") alone.set(who, event);
        else for (const [key, { request }] of silent) if (request.who === who) silent.delete(key); // it ends itself
      } else if (kind === "vmm.function-reset") {
        for (const key of outstanding.keys()) if (key.startsWith(`${endpointOf(event)}/`)) outstanding.delete(key);
      } else if (kind === "vmm.fault-drained") {
        if (fields.last !== true) continue;
        const gone = alone.get(who);
        if (gone) silent.set(groupKeyOf(event), { request: event, gone });
        else outstanding.set(groupKeyOf(event), event);
      } else {
        silent.delete(groupKeyOf(event));
        if (kind === "vmm.event-used")
          alone.delete(who); // there is a new one
        else outstanding.delete(groupKeyOf(event));
      }
    }
    return [...silent.values()].map(({ request, gone }) => ({
      invariant: "FL-ABORT",
      message: `${groupText(request)}: the VMM took it at #${request.n}, its guest is gone since #${gone.n}: no answer INVALID after it`,
      events: [request.n, gone.n].sort((x, y) => x - y),
    }));
  },
};
