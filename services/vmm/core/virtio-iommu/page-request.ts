import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import {
  IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
  IOMMU_FAULT_PAGE_REQUEST_PASID_VALID,
  IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID,
  IOMMU_PAGE_RESP_INVALID,
} from "@faultline/shared/linux-uapi/iommu.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { PageRequestFault } from "../vfio/dma-fault-region.ts";
import type { Endpoint, OutstandingGroup } from "./endpoint.ts";
import type { EventQueue } from "./event-queue.ts";
import { hostPasid } from "./page-response.ts";

/** Groups of one endpoint that are marked at most; a function has no more page requests outstanding. */
const MAX_REFUSED = 512;

export interface RelayPorts {
  tracer: Tracer;
  execution: Execution;
  switches: ReadonlySet<string>;
}

export interface PageRequest {
  grpid: number;
  pasid: number | null;
  needsPasid: boolean;
  last: boolean;
  iova: bigint;
}

export function pageRequestOf(fault: PageRequestFault): PageRequest {
  const flags = Number(fault.flags);
  return {
    grpid: Number(fault.grpid),
    pasid: flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID ? Number(fault.pasid) : null,
    needsPasid: (flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID) !== 0,
    last: (flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE) !== 0,
    iova: fault.addr,
  };
}

const keyOf = ({ grpid, pasid }: PageRequest): string => `${grpid}/${pasid}`;

/** Hands a page request to the guest. `events` null: page requests are not negotiated, or nobody is there. */
export function relayPageRequest(endpoint: Endpoint, request: PageRequest, bytes: Uint8Array, events: EventQueue | null, ports: RelayPorts): void {
  const isRefused = endpoint.refused.size > 0 && endpoint.refused.has(keyOf(request));
  if (!events || request.grpid > 0xffff || isRefused) return refusePageRequest(endpoint, request, ports);
  const group: OutstandingGroup = { grpid: request.grpid, pasid: request.pasid, needsPasid: request.needsPasid };
  if (request.last) endpoint.outstanding.push(group);
  events.report({
    endpoint: endpoint.id,
    bytes,
    prefixBytes: null,
    used: (head) =>
      ports.tracer.emit(
        "vmm.event-used",
        { endpoint: hex(endpoint.id), pasid: request.pasid ?? undefined, grpid: request.grpid, iova: hex(request.iova) },
        { head, last: request.last },
      ),
    refused: () => {
      const at = endpoint.outstanding.indexOf(group);
      if (at >= 0) endpoint.outstanding.splice(at, 1);
      refusePageRequest(endpoint, request, ports);
    },
  });
}

/** The VMM answers a group that cannot reach the guest: its last INVALID; a request before that is dropped and the group marked, so that its last is answered INVALID too. */
export function refusePageRequest(endpoint: Endpoint, request: PageRequest, ports: RelayPorts): void {
  if (ports.switches.has("S34")) return; // dropped: the function waits for ever
  const key = keyOf(request);
  if (request.last) {
    endpoint.refused.delete(key);
    ports.execution.spawn("refuse page request", () => answerInvalid(endpoint, request, ports.tracer));
  } else if (endpoint.refused.size < MAX_REFUSED) endpoint.refused.add(key);
}

export async function answerInvalid(endpoint: Endpoint, group: OutstandingGroup, tracer: Tracer): Promise<void> {
  tracer.emit("vmm.group-refused", { endpoint: hex(endpoint.id), pasid: group.pasid ?? undefined, grpid: group.grpid }, { code: IOMMU_PAGE_RESP_INVALID });
  await endpoint.relay.respond(group.grpid, hostPasid(group), IOMMU_PAGE_RESP_INVALID);
}
