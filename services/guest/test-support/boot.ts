import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { silentTracer, type Tracer } from "@faultline/shared/trace/tracer.ts";
import { Guest } from "../core/guest.ts";
import { FakeVmm } from "./fake-vmm.ts";
import { complete, TestExecution } from "./test-execution.ts";

/** A guest of `ramBytes` on a fake VMM, not booted yet. */
export function newGuest(o: { ramBytes?: number; switches?: string[]; abi?: "rfc-v1" | "review" } = {}) {
  const ram = o.ramBytes ?? 2 * 2 ** 20;
  const gpa = 0x80000000;
  const memory = heapMemory(gpa, ram);
  const vmm = new FakeVmm(memory);
  const execution = new TestExecution();
  const machine = { ...defaultMachine, abi: o.abi ?? defaultMachine.abi, vms: [{ ...defaultMachine.vms[0], ram, slots: [{ gpa, size: ram }] }] };
  /** Defects by which a task of the guest stopped (guest.oops). */
  const oopses: string[] = [];
  const tracer: Tracer = { ...silentTracer, emit: (kind, _ids, fields) => (kind === "guest.oops" ? oopses.push(String(fields?.defect)) : 0) };
  const guest = new Guest(machine, 0, { memory, vmm, execution, tracer, switches: new Set(o.switches) });
  vmm.deliver = (body) => guest.fromVmm(0, body);
  return { memory, vmm, execution, guest, oopses };
}

export async function bootedGuest(o: { ramBytes?: number; switches?: string[] } = {}) {
  const all = newGuest(o);
  const ret = await complete(all.execution, all.guest.boot());
  if (ret !== 0) throw new Error(`boot returned ${ret}`);
  return all;
}
