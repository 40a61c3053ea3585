import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Checker, Violation } from "./checker.ts";
import { endpointOf, forgedCommands, groupKeyOf, groupText, losesPower } from "./naming.ts";

/** What follows on the way of a group from record to response: steps d to h of spec/flow.md. */
const NEXT: Record<string, string> = {
  "host.pri-record": "host.fault-reported",
  "host.fault-reported": "vmm.fault-drained",
  "vmm.fault-drained": "vmm.event-used",
  "vmm.event-used": "guest.event-received",
  "guest.event-received": "guest.fault-handled",
  "guest.fault-handled": "guest.page-response",
  "guest.page-response": "vmm.page-response",
  "vmm.group-refused": "host.page-response",
  "vmm.page-response": "host.page-response",
  "host.page-response": "CMD_PRI_RESP",
  "host.pri-response": "prg-response.sent",
};
const ORDER = Object.keys(NEXT);

/** The event that shows how far the last request of a group, or its answer, came; undefined: nothing but its record is known. */
function furthestOf(history: readonly TraceEvent[], record: TraceEvent): TraceEvent | undefined {
  let furthest: TraceEvent | undefined;
  for (const event of history) {
    if (event.n <= record.n || groupKeyOf(event) !== groupKeyOf(record) || event.fields.last === false) continue;
    if (event.kind === "host.page-response" && event.fields.ret !== 0) continue; // it answered another group, or none
    if (ORDER.indexOf(event.kind) > (furthest ? ORDER.indexOf(furthest.kind) : -1)) furthest = event;
  }
  return furthest;
}

/**
 * INV-1: a group whose Last request the PRI queue accepted gets exactly one PRG Response, unless a reset of its endpoint, or the loss of power, closes it.
 * A PRG index is used again after its group has ended, so groups are matched in order; an automatic response of the SMMU answers requests that never became records.
 */
export const inv1: Checker = {
  id: "INV-1",
  sentence: "Every accepted page request group is answered exactly once, or closed by a reset of its endpoint.",
  reads: [
    "edge.rule",
    "endpoint.flr",
    "endpoint.group-closed",
    "endpoint.prg-response",
    "guest.event-received",
    "guest.fault-handled",
    "guest.page-response",
    "host.fault-reported",
    "host.page-response",
    "host.pri-record",
    "host.pri-response",
    "lab.part",
    "pri-queue.auto-response",
    "pri-queue.record",
    "vmm.event-used",
    "vmm.fault-drained",
    "vmm.group-refused",
    "vmm.page-response",
  ],
  check(history) {
    const violations: Violation[] = [];
    /** Records of Last requests that wait for their response. */
    const open = new Map<string, TraceEvent[]>();
    /** Responses that may still arrive although no group is open: automatic ones, and those on their way when the endpoint was reset. */
    const allowed = new Map<string, number>();
    const answered = new Map<string, number>();
    const allow = (key: string, responses = 1) => allowed.set(key, (allowed.get(key) ?? 0) + responses);
    const close = (key: string) => {
      allow(key, open.get(key)?.length ?? 0);
      open.delete(key);
    };

    for (const event of history) {
      switch (event.kind) {
        case "pri-queue.record": {
          if (event.fields.last !== true || event.fields.stopMarker === true) break;
          const groups = open.get(groupKeyOf(event));
          if (groups) groups.push(event);
          else open.set(groupKeyOf(event), [event]);
          break;
        }
        case "pri-queue.auto-response":
          allow(groupKeyOf(event));
          break;
        case "endpoint.prg-response": {
          const key = groupKeyOf(event);
          const group = open.get(key)?.shift();
          if (group) answered.set(key, event.n);
          else if (allowed.get(key)) allowed.set(key, allowed.get(key)! - 1);
          else if (!forgedCommands(history)) {
            const first = answered.get(key);
            violations.push({
              invariant: "INV-1",
              message: `${groupText(event)}: answered ${first === undefined ? "without a request" : "more than once"}`,
              events: first === undefined ? [event.n] : [first, event.n],
            });
          }
          break;
        }
        case "endpoint.group-closed":
          close(groupKeyOf(event));
          break;
        case "endpoint.flr":
          for (const key of open.keys()) if (key.startsWith(`${endpointOf(event)}/`)) close(key);
          break;
        case "lab.part":
          if (losesPower(event)) for (const key of open.keys()) close(key);
      }
    }
    for (const record of [...open.values()].flat().sort((a, b) => a.n - b.n)) {
      const furthest = furthestOf(history, record);
      const reached = furthest ? `: it came as far as ${furthest.kind} at #${furthest.n}, no ${NEXT[furthest.kind]} after it` : "";
      violations.push({
        invariant: "INV-1",
        message: `${groupText(record)}: never answered, and its endpoint was not reset${reached}`,
        events: [record.n, ...(furthest ? [furthest.n] : [])],
      });
    }
    return violations;
  },
};
