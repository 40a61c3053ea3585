import type { Checker, Violation } from "./checker.ts";
import { COUNT_EVENTS, isLock, leaks } from "./counts.ts";

/** INV-9: counts are at rest what they were before the workload, and nothing is left when the last VMM has been released (spec/flow.md, T6 and T7). */
export const inv9: Checker = {
  id: "INV-9",
  sentence: "Object and reference counts return to zero after teardown.",
  reads: [...COUNT_EVENTS, "host.released"],
  check(history) {
    const violations: Violation[] = leaks(history, (name) => !isLock(name)).map(({ who, name, before, after, events }) => ({
      invariant: "INV-9",
      message: `${who}: ${name} is ${after} at rest, it was ${before}`,
      events,
    }));
    for (const { kind, fields, n, ids } of history) {
      if (kind !== "host.released" || fields.processes !== 0) continue; // counts are of all VMs: others still hold theirs
      for (const [name, left] of Object.entries(fields)) {
        if (typeof left === "number" && left !== 0)
          violations.push({ invariant: "INV-9", message: `host: ${name} is ${left} after the last VMM (vm ${ids.vm}) was released`, events: [n] });
      }
    }
    return violations;
  },
};
