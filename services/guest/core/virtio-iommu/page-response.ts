import type { PageRequestFault, PageResponse } from "@faultline/shared/linux/report-device-fault.ts";
import { ENODEV } from "@faultline/shared/linux-uapi/errno.ts";
import { IOMMU_FAULT_PAGE_REQUEST_PASID_VALID, IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID, IOMMU_PAGE_RESP_PASID_VALID } from "@faultline/shared/linux-uapi/iommu.ts";
import { oops } from "../oops.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Viommu } from "./viommu.ts";

/**
 * ops->page_response: PAGE_RESP for one group. The caller holds the pending-list mutex of the device, so the request is only submitted here;
 * its status is looked at when it comes, and a refusal is traced (RR-83: the posted driver spins for it). -ENODEV: the endpoint reports no recoverable faults.
 */
export async function viommu_page_response(viommu: Viommu, endpoint: Endpoint, fault: PageRequestFault, response: PageResponse): Promise<number> {
  if (!endpoint.properties.pageRequest) return -ENODEV;
  if (!endpoint.domain && viommu.switches.has("RR-60"))
    return oops(viommu.tracer, "RR-60", { endpoint: endpoint.name, grpid: response.grpid }, "the domain of an endpoint that is in none");
  const held = viommu.execution.point("guest.page-response.before-send", { endpoint: endpoint.id, pasid: fault.pasid, grpid: fault.grpid, code: response.code });
  if (held) await held;
  const answered = sendPageResponse(viommu, endpoint, fault, response);
  if (viommu.switches.has("RR-83")) return answered;
  void answered.catch((error: unknown) => viommu.execution.spawn("page response", () => Promise.reject(error)));
  return 0;
}

/** The request itself; resolves with its result once the device used it. */
export async function sendPageResponse(viommu: Viommu, endpoint: Endpoint, fault: PageRequestFault, response: PageResponse): Promise<number> {
  const needsPasid = (fault.flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID) !== 0 && (response.flags & IOMMU_PAGE_RESP_PASID_VALID) !== 0;
  const request = viommu.abi.encodePageResponse({
    endpoint: endpoint.id,
    domain: endpoint.domain?.id ?? 0,
    flags: needsPasid ? IOMMU_PAGE_RESP_PASID_VALID : 0,
    pasid: needsPasid || viommu.switches.has("RR-86") ? fault.pasid : 0, // RR-86: the number without its flag
    grpid: response.grpid,
    code: response.code,
  });
  const hasPasid = (fault.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) !== 0;
  const { grpid } = response;
  const ids = hasPasid ? { endpoint: endpoint.name, grpid, pasid: fault.pasid } : { endpoint: endpoint.name, grpid };
  viommu.tracer.emit("guest.page-response", ids, { code: response.code });
  const ret = await viommu.requests.send(request);
  if (ret < 0) viommu.tracer.emit("guest.page-response-refused", ids, { ret });
  endpoint.closeGroup(fault.pasid, fault.grpid);
  return ret;
}
