import { hex } from "@faultline/shared/codec/uint64.ts";
import type { IommuDevice, PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import { IOMMU_PAGE_RESP_SUCCESS } from "@faultline/shared/linux-uapi/iommu.ts";
import type { Endpoint } from "../virtio-iommu/endpoint.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";
import { iopf_handle_single } from "./page-fault-handler.ts";

/** One fault of a group on its work item: the mm's handler between the point and the trace. Returns the response code. */
export async function handleIoPageFault(viommu: Viommu, device: IommuDevice, fault: PageRequestFault): Promise<number> {
  const endpoint = endpointOf(viommu, device);
  const held = viommu.execution.point("guest.iopf.before-handle", { endpoint: endpoint?.id ?? 0, pasid: fault.pasid, grpid: fault.grpid });
  if (held) await held;
  const outcome = await iopf_handle_single(viommu.pasids, fault);
  if (endpoint) {
    const tally = endpoint.tally(fault.pasid);
    if (outcome.code === IOMMU_PAGE_RESP_SUCCESS) tally.handled++;
    else tally.refusal = `${outcome.result} at ${hex(fault.addr)}`;
  }
  viommu.tracer.emit(
    "guest.fault-handled",
    { endpoint: endpoint?.name, pasid: fault.pasid, grpid: fault.grpid, gva: hex(fault.addr) },
    { result: outcome.result, vma: outcome.vma?.name ?? null, perm: fault.perm },
  );
  return outcome.code;
}

function endpointOf(viommu: Viommu, device: IommuDevice): Endpoint | undefined {
  for (const endpoint of viommu.endpoints.values()) if (endpoint.iommu === device) return endpoint;
  return undefined;
}
