import type { Machine } from "@faultline/shared/machine/machine.ts";
import { formatBdf, formatSize } from "@faultline/shared/machine/units.ts";
import type { TraceFields } from "@faultline/shared/trace/tracer.ts";
import type { DemoResult, QueueDigest } from "./demo.ts";
import type { FaultStep } from "./first-fault.ts";

/** The demo's report, at most 25 lines. */
export function demoText(machine: Machine, mode: string, result: DemoResult, vm = 0): string {
  const { firstFault, roundTripUs } = result;
  return [
    machineLine(machine, mode, vm),
    "",
    `first page fault${firstFault[3] ? ` (PASID ${firstFault[3].fields.pasid}, group ${firstFault[3].fields.grpid}, ${firstFault[3].fields.iova})` : ""}:`,
    ...firstFault.map(stepLine),
    "",
    `${result.operation} of ${result.inputBytes} bytes: ${result.pageRequests} page requests in ${result.groups} groups, ${result.responses} responses`,
    `round trip p50 ${roundTripUs.p50} us, p99 ${roundTripUs.p99} us; critical messages of the first fault: ${result.criticalMessages}`,
    ...(result.queues.length > 1 ? [queuesLine(result.queues)] : []),
    `digest ${result.digest} - as this machine computes it`,
  ].join("\n");
}

function machineLine(machine: Machine, mode: string, vmIndex: number): string {
  const vm = machine.vms[vmIndex];
  const assigned = machine.endpoints.filter(({ bdf }) => vm.endpoints.includes(bdf));
  const functions =
    assigned.length > 2
      ? `${assigned.length} functions from ${formatBdf(assigned[0].bdf)} to ${formatBdf(assigned[assigned.length - 1].bdf)}`
      : assigned.map(({ kind, bdf }) => `${kind} ${formatBdf(bdf)}`).join(", ");
  return `machine: SMMUv3 ${machine.smmu.oas}-bit, ${formatSize(machine.dram.size)} DRAM, ${vm.name} ${formatSize(vm.ram)} at 0x${vm.slots[0].gpa.toString(16)}, ${functions}, ABI ${machine.abi}, ${mode}`;
}

function queuesLine(queues: readonly QueueDigest[]): string {
  const endpoints = new Set(queues.map(({ endpoint }) => endpoint)).size;
  const pasids = new Set(queues.map(({ pasid }) => pasid)).size;
  const faults = queues.map(({ faultsHandled }) => faultsHandled);
  return `${queues.length} queues of ${endpoints} endpoints, ${pasids} processes and PASIDs, one digest; ${Math.min(...faults)} to ${Math.max(...faults)} faults handled for each`;
}

const stepLine = ({ step, from, to, structure, fields, us }: FaultStep): string =>
  `  ${step}  ${`${from} -> ${to}`.padEnd(18)} ${`${us.toFixed(1)} us`.padStart(14)}  ${structure}: ${fieldText(fields)}`;

const fieldText = (fields: TraceFields): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => (value === true ? name : `${name}=${value}`))
    .join(" ");
