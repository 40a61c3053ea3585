import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { COUNT_EVENTS, isLock, leaks } from "./counts.ts";

/** INV-9: counts are at rest what they were before the workload, and nothing is left when the last VMM has been released (spec/flow.md, T6 and T7). */
export const inv9: Checker = {
  id: "INV-9",
  sentence: "Object and reference counts return to zero after teardown.",
  reads: [...COUNT_EVENTS, "edge.rule", "guest.frames-lost", "guest.invalidate", "guest.pasid-freed", "guest.unbind", "host.released"],
  check(history) {
    const kept = new KeptOnPurpose(history);
    const violations: Violation[] = leaks(history, (name) => !isLock(name)).flatMap(({ who, name, before, after, events }) =>
      after > before && after - before <= kept.of(who, name) ? [] : [{ invariant: "INV-9", message: `${who}: ${name} is ${after} at rest, it was ${before}`, events }],
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

/**
 * What a guest keeps for ever because an invalidation failed (RR-84): the frames that it says are lost, and PASID and ASID of an unbind whose flush did. Something may still be tagged with
 * them, so that to give them to another owner would be the worse mistake.
 */
class KeptOnPurpose {
  readonly #counts = new Map<string, number>();

  constructor(history: readonly TraceEvent[]) {
    const failed = new Set(history.filter(({ kind, fields }) => kind === "guest.invalidate" && Number(fields.ret) < 0).map(({ who }) => who));
    for (const { kind, who, fields } of history) {
      // A virtio driver cannot take back a request that the device never used: only a reset of the device ends it (virtio 1.2, 2.7.13). The lab lost it.
      const lostRequest = LOST_REQUESTS.find(
        ({ direction, message }) => kind === "edge.rule" && fields.do === "drop" && fields.direction === direction && fields.kind === message,
      );
      if (lostRequest) this.#add(`guest${who.replace(/\D+/, "")}/requests`, 1);
      if (!failed.has(who)) continue;
      if (kind === "guest.frames-lost") this.#add(`${who}/framesAboveBoot`, Number(fields.pages));
      const tags = kind === "guest.unbind" ? 1 : kind === "guest.pasid-freed" ? -1 : 0;
      if (tags !== 0) for (const name of ["pasids", "pinnedAsids"]) this.#add(`${who}/${name}`, tags);
    }
  }

  of(who: string, name: string): number {
    return this.#counts.get(`${who}/${name}`) ?? 0;
  }

  #add(key: string, change: number): void {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + change);
  }
}
