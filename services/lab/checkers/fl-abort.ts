import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { groupKeyOf, groupText } from "./naming.ts";

/**
 * FL-ABORT: a Last request that the VMM takes while no guest is there gets its INVALID from the VMM itself (spec/flow.md, abort matrix: guest crash; S34). That a reset of the function closes the
 * group later is no answer: the function waits for it meanwhile, or for ever where nobody resets it.
 */
export const flAbort: Checker = {
  id: "FL-ABORT",
  sentence: "A page request that finds no guest is answered by the VMM, not by silence.",
  reads: ["edge.break", "vmm.event-used", "vmm.fault-drained", "vmm.group-refused"],
  check(history) {
    const violations: Violation[] = [];
    /** VMMs whose guest is gone. */
    const alone = new Map<string, TraceEvent>();
    const silent = new Map<string, { request: TraceEvent; gone: TraceEvent }>();
    for (const event of history) {
      if (event.kind === "edge.break" && event.who.startsWith("vmm") && event.fields.edge === "virtio") alone.set(event.who, event);
      else if (event.kind === "edge.break" && event.who.startsWith("vmm")) for (const [key, { request }] of silent) if (request.who === event.who) silent.delete(key);
      if (event.kind === "vmm.event-used") alone.delete(event.who); // there is a new one
      if (event.kind === "vmm.event-used" || event.kind === "vmm.group-refused") silent.delete(groupKeyOf(event));
      const gone = event.kind === "vmm.fault-drained" && event.fields.last === true ? alone.get(event.who) : undefined;
      if (gone) silent.set(groupKeyOf(event), { request: event, gone });
    }
    for (const { request, gone } of silent.values())
      violations.push({
        invariant: "FL-ABORT",
        message: `${groupText(request)}: the VMM took it at #${request.n}, its guest is gone since #${gone.n}: no answer INVALID after it`,
        events: [gone.n, request.n],
      });
    return violations;
  },
};
