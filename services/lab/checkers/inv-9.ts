import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { COUNT_EVENTS, isLock, leaks } from "./counts.ts";
import { vmOf } from "./naming.ts";

/** INV-9: counts are at rest what they were before the workload, and nothing is left when the last VMM has been released (spec/flow.md, T6 and T7). */
export const inv9: Checker = {
  id: "INV-9",
  sentence: "Object and reference counts return to zero after teardown.",
  reads: [...COUNT_EVENTS, "edge.rule", "host.released"],
  check(history) {
    const violations: Violation[] = leaks(history, (name) => !isLock(name)).flatMap(({ who, name, before, after, events }) =>
      name === "requests" && after > before && after - before <= lostRequests(history, who)
        ? []
        : [{ invariant: "INV-9", message: `${who}: ${name} is ${after} at rest, it was ${before}`, events }],
    );
    for (const { kind, fields, n, ids } of history) {
      if (kind !== "host.released" || fields.processes !== 0) continue; // counts are of all VMs: others still hold theirs
      for (const [name, left] of Object.entries(fields)) {
        if (typeof left === "number" && left !== 0 && !isLock(name))
          violations.push({ invariant: "INV-9", message: `host: ${name} is ${left} after the last VMM (vm ${ids.vm}) was released`, events: [n] });
      }
    }
    return violations;
  },
};

const LOST_REQUESTS = [
  { direction: "guest->vmm", message: "available" },
  { direction: "vmm->guest", message: "used" },
];

/** Requests of a guest that the lab lost: a virtio driver cannot take back what the device never used, only a reset of the device ends it (virtio 1.2, 2.7.13). */
function lostRequests(history: readonly TraceEvent[], guest: string): number {
  return history.filter(
    ({ kind, who, fields }) =>
      kind === "edge.rule" &&
      fields.do === "drop" &&
      vmOf(who) === vmOf(guest) &&
      LOST_REQUESTS.some(({ direction, message }) => fields.direction === direction && fields.kind === message),
  ).length;
}
