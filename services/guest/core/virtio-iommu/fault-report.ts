import { hex } from "@faultline/shared/codec/uint64.ts";
import { iommu_report_device_fault, type PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import {
  IOMMU_FAULT_PAGE_REQ,
  IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
  IOMMU_FAULT_PAGE_REQUEST_PASID_VALID,
  IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID,
  IOMMU_PAGE_RESP_INVALID,
  IOMMU_PAGE_RESP_PASID_VALID,
  IOMMU_PAGE_RESP_VERSION_1,
} from "@faultline/shared/linux-uapi/iommu.ts";
import {
  VIRTIO_IOMMU_FAULT_F_ADDRESS,
  VIRTIO_IOMMU_FAULT_F_GROUP_ID,
  VIRTIO_IOMMU_FAULT_F_LAST,
  VIRTIO_IOMMU_FAULT_F_PAGE_REQ,
  VIRTIO_IOMMU_FAULT_F_PASID,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import { oops } from "../oops.ts";
import type { Endpoint } from "./endpoint.ts";
import type { FaultReport } from "./event-queue.ts";
import { sendPageResponse } from "./page-response.ts";
import type { Viommu } from "./viommu.ts";

/** READ, WRITE, EXEC and PRIVILEGED have the numbers of IOMMU_FAULT_PERM_*. */
const PERM_MASK = 0xf;

/** One event of the event queue. A page request goes to the IOMMU core; anything else is only traced. */
export async function viommu_fault_handler(viommu: Viommu, report: FaultReport): Promise<void> {
  const endpoint = viommu.endpoints.get(report.endpoint);
  if ((report.flags & VIRTIO_IOMMU_FAULT_F_PAGE_REQ) === 0) {
    viommu.tracer.emit(
      "guest.unrecoverable-fault",
      { endpoint: hex(report.endpoint), gva: hex(report.address) },
      { reason: report.reason, flags: report.flags, logged: viommu.faultMessages.allows() },
    );
    return;
  }
  const hasPasid = (report.flags & VIRTIO_IOMMU_FAULT_F_PASID) !== 0;
  const last = (report.flags & VIRTIO_IOMMU_FAULT_F_LAST) !== 0;
  viommu.tracer.emit(
    "guest.event-received",
    hasPasid
      ? { endpoint: hex(report.endpoint), grpid: report.grpid, gva: hex(report.address), pasid: report.pasid }
      : { endpoint: hex(report.endpoint), grpid: report.grpid, gva: hex(report.address) },
    { perm: report.flags & PERM_MASK, last },
  );
  if (!endpoint) {
    if (viommu.switches.has("RR-11"))
      return oops(viommu.tracer, "RR-11", { endpoint: hex(report.endpoint), grpid: report.grpid }, "the endpoint, after a search that found none");
    viommu.tracer.emit("guest.report-failed", { endpoint: hex(report.endpoint), grpid: report.grpid }, { ret: "unknown endpoint" }); // the VMM would not take an answer for it either
    return;
  }
  const fault = pageRequestOf(viommu, endpoint, report);
  if (last) endpoint.openGroup(fault.pasid, fault.grpid);
  const held = viommu.execution.point("guest.event-thread.before-report", { endpoint: endpoint.id, pasid: fault.pasid, grpid: fault.grpid, last });
  if (held) await held;
  // Without ADDRESS or GROUP_ID the report names no page of a group; RR-77: the address is taken whether or not it is valid.
  const whole = viommu.switches.has("RR-77") ? VIRTIO_IOMMU_FAULT_F_GROUP_ID : VIRTIO_IOMMU_FAULT_F_ADDRESS | VIRTIO_IOMMU_FAULT_F_GROUP_ID;
  const ret = (report.flags & whole) === whole ? await iommu_report_device_fault(endpoint.iommu, fault) : -EINVAL;
  if (ret === 0) return;
  viommu.tracer.emit("guest.report-failed", { endpoint: endpoint.name, pasid: fault.pasid, grpid: fault.grpid }, { ret });
  if (!last) return;
  if (viommu.switches.has("RR-13")) return; // only printed: the group waits for ever
  // INVALID, not FAILURE: FAILURE would switch the function's page request interface off.
  const flags = (fault.flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID) !== 0 ? IOMMU_PAGE_RESP_PASID_VALID : 0;
  await sendPageResponse(viommu, endpoint, fault, { version: IOMMU_PAGE_RESP_VERSION_1, flags, pasid: fault.pasid, grpid: fault.grpid, code: IOMMU_PAGE_RESP_INVALID });
}

function pageRequestOf(viommu: Viommu, endpoint: Endpoint, report: FaultReport): PageRequestFault {
  const hasPasid = (report.flags & VIRTIO_IOMMU_FAULT_F_PASID) !== 0;
  const last = (report.flags & VIRTIO_IOMMU_FAULT_F_LAST) !== 0;
  const needsPasid = hasPasid && (report.responseNeedsPasid ?? endpoint.properties.pageRequest?.responseNeedsPasid === true);
  return {
    type: IOMMU_FAULT_PAGE_REQ,
    flags:
      (hasPasid ? IOMMU_FAULT_PAGE_REQUEST_PASID_VALID : 0) | (last ? IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE : 0) | (needsPasid ? IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID : 0),
    pasid: hasPasid ? report.pasid : 0,
    grpid: viommu.switches.has("RR-12") && !hasPasid ? 0 : report.grpid,
    perm: report.flags & PERM_MASK,
    addr: report.address,
  };
}
