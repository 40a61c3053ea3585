import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, groupKeyOf, groupText } from "./naming.ts";

/** Groups that one part waits for, in order of arrival; a group id may be there more than once. */
class Pending {
  readonly #groups = new Map<string, TraceEvent[]>();

  add(event: TraceEvent): void {
    const known = this.#groups.get(groupKeyOf(event));
    if (known) known.push(event);
    else this.#groups.set(groupKeyOf(event), [event]);
  }
  remove(event: TraceEvent): void {
    const key = groupKeyOf(event);
    const known = this.#groups.get(key);
    if (known && known.length > 1) known.shift();
    else this.#groups.delete(key);
  }
  /** `groups` undefined: all of the endpoint. */
  clear(endpoint: string, groups?: readonly TraceValue[]): void {
    for (const key of this.#groups.keys()) {
      const [of, grpid] = key.split("/");
      if (of === endpoint && (!groups || groups.includes(Number(grpid)))) this.#groups.delete(key);
    }
  }
  get events(): TraceEvent[] {
    return [...this.#groups.values()].flat();
  }
  has = (key: string): boolean => this.#groups.has(key);
}

/**
 * FL-I5: when nothing is in flight any more, the host's pending list, the VMM's outstanding set and the guest's pending list are the same groups. Judged at the end of a history, which is at rest.
 * A broken edge ends the judgement: the lists of a part that died are gone with it.
 */
export const flI5: Checker = {
  id: "FL-I5",
  sentence: "The host's pending list, the VMM's outstanding set and the guest's pending list are equal when no message is in flight.",
  reads: [
    "edge.break",
    "guest.event-received",
    "guest.function-reset",
    "guest.page-response",
    "guest.report-failed",
    "host.fault-reported",
    "host.groups-closed",
    "host.page-response",
    "vmm.fault-drained",
    "vmm.function-reset",
    "vmm.group-refused",
    "vmm.page-response",
  ],
  check(history) {
    const parts = { host: new Pending(), VMM: new Pending(), guest: new Pending() };
    for (const event of history) {
      switch (event.kind) {
        case "edge.break":
          return [];
        case "host.fault-reported":
          if (event.fields.last) parts.host.add(event);
          break;
        case "host.page-response":
          // IC-419: no match changes nothing; IC-420: a match removes the entry whatever the driver returns.
          if (event.fields.ret !== -EINVAL) parts.host.remove(event);
          break;
        case "host.groups-closed":
          parts.host.clear(endpointOf(event), event.fields.groups as readonly TraceValue[]);
          break;
        case "vmm.fault-drained":
          if (event.fields.last) parts.VMM.add(event);
          break;
        case "vmm.page-response":
        case "vmm.group-refused":
          parts.VMM.remove(event);
          break;
        case "vmm.function-reset":
          parts.VMM.clear(endpointOf(event));
          break;
        case "guest.event-received":
          if (event.fields.last) parts.guest.add(event);
          break;
        case "guest.page-response":
          parts.guest.remove(event);
          break;
        case "guest.report-failed":
          if (typeof event.fields.ret === "string") parts.guest.remove(event); // an endpoint that the guest does not know: nothing is pending
          break;
        case "guest.function-reset":
          parts.guest.clear(endpointOf(event));
      }
    }
    return differences(parts);
  },
};

function differences(parts: Record<string, Pending>): Violation[] {
  const violations: Violation[] = [];
  const seen = new Set<string>();
  for (const [, pending] of Object.entries(parts)) {
    for (const event of pending.events) {
      const key = groupKeyOf(event);
      const without = Object.keys(parts).filter((name) => !parts[name].has(key));
      if (!without.length || seen.has(key)) continue;
      seen.add(key);
      const having = Object.keys(parts).filter((name) => parts[name].has(key));
      violations.push({
        invariant: "FL-I5",
        message: `${groupText(event)}: still pending in ${having.join(" and ")}, not in ${without.join(" and ")}`,
        events: [event.n],
      });
    }
  }
  return violations;
}
