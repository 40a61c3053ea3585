import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/** Whether an event is about one VM: not of another VM's VMM or guest, not about a function or an edge of theirs. */
export function ofVm(machine: Machine, vm: number): (event: TraceEvent) => boolean {
  const foreign = machine.vms.flatMap((_, other) => (other === vm ? [] : [other]));
  if (foreign.length === 0) return () => true;
  const parts = new Set(foreign.flatMap((other) => [`vmm${other}`, `guest${other}`]));
  const functions = new Set(foreign.flatMap((other) => machine.vms[other].endpoints.map(hex)));
  return ({ who, ids, fields }) => !parts.has(who) && !parts.has(String(fields.peer)) && !functions.has(ids.sid ?? "") && !functions.has(ids.endpoint ?? "");
}
