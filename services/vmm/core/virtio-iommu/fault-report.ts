import {
  IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE, IOMMU_FAULT_PAGE_REQUEST_PASID_VALID, IOMMU_FAULT_UNRECOV_ADDR_VALID, IOMMU_FAULT_UNRECOV_PASID_VALID,
} from "@faultline/shared/linux-uapi/iommu.ts";
import {
  VIRTIO_IOMMU_FAULT_F_ADDRESS, VIRTIO_IOMMU_FAULT_F_GROUP_ID, VIRTIO_IOMMU_FAULT_F_LAST, VIRTIO_IOMMU_FAULT_F_PAGE_REQ, VIRTIO_IOMMU_FAULT_F_PASID, VIRTIO_IOMMU_FAULT_R_MAPPING,
  VIRTIO_IOMMU_FAULT_R_UNKNOWN, virtio_iommu_fault,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { PageRequestFault, UnrecoverableFault } from "../vfio/fault-relay.ts";

/** Host page request to the 48-byte report of `review` (virtio-iommu.md, 7.4 and 7.5). */
export function pageRequestReport(endpoint: number, fault: PageRequestFault): Uint8Array {
  const flags = Number(fault.flags);
  const pasid = (flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) !== 0;
  return virtio_iommu_fault.encode({
    reason: VIRTIO_IOMMU_FAULT_R_MAPPING, endpoint, pasid: pasid ? fault.pasid : 0, address: fault.addr, group_id: fault.grpid & 0xffffn,
    flags: (Number(fault.perm) & 0xf) | VIRTIO_IOMMU_FAULT_F_PAGE_REQ | VIRTIO_IOMMU_FAULT_F_ADDRESS | VIRTIO_IOMMU_FAULT_F_GROUP_ID |
      (pasid ? VIRTIO_IOMMU_FAULT_F_PASID : 0) | (flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE ? VIRTIO_IOMMU_FAULT_F_LAST : 0),
  });
}

/** Unrecoverable fault; reasons 4 to 8 of the host are 3 to 7 here, the others have no equivalent. */
export function unrecoverableReport(endpoint: number, fault: UnrecoverableFault): Uint8Array {
  const flags = Number(fault.flags);
  const reason = Number(fault.reason);
  const pasid = (flags & IOMMU_FAULT_UNRECOV_PASID_VALID) !== 0;
  const address = (flags & IOMMU_FAULT_UNRECOV_ADDR_VALID) !== 0;
  return virtio_iommu_fault.encode({
    reason: reason >= 4 ? reason - 1 : VIRTIO_IOMMU_FAULT_R_UNKNOWN, endpoint, pasid: pasid ? fault.pasid : 0, address: address ? fault.addr : 0,
    flags: (Number(fault.perm) & 0xf) | (address ? VIRTIO_IOMMU_FAULT_F_ADDRESS : 0) | (pasid ? VIRTIO_IOMMU_FAULT_F_PASID : 0),
  });
}
