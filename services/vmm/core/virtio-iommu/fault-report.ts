import {
  IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
  IOMMU_FAULT_PAGE_REQUEST_PASID_VALID,
  IOMMU_FAULT_PERM_READ,
  IOMMU_FAULT_PERM_WRITE,
  IOMMU_FAULT_UNRECOV_ADDR_VALID,
  IOMMU_FAULT_UNRECOV_PASID_VALID,
} from "@faultline/shared/linux-uapi/iommu.ts";
import {
  VIRTIO_IOMMU_FAULT_F_ADDRESS,
  VIRTIO_IOMMU_FAULT_F_GROUP_ID,
  VIRTIO_IOMMU_FAULT_F_LAST,
  VIRTIO_IOMMU_FAULT_F_PAGE_REQ,
  VIRTIO_IOMMU_FAULT_F_PASID,
  VIRTIO_IOMMU_FAULT_F_READ,
  VIRTIO_IOMMU_FAULT_F_WRITE,
  VIRTIO_IOMMU_FAULT_R_DOMAIN,
  VIRTIO_IOMMU_FAULT_R_MAPPING,
  VIRTIO_IOMMU_FAULT_R_UNKNOWN,
  virtio_iommu_fault,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import {
  RFC_V1_VIRTIO_IOMMU_FAULT_F_DMA_UNRECOV,
  RFC_V1_VIRTIO_IOMMU_FAULT_F_PAGE_REQ,
  rfc_v1_virtio_iommu_fault,
} from "@faultline/shared/virtio/virtio-iommu-rfc-v1.ts";
import type { PageRequestFault, UnrecoverableFault } from "../vfio/dma-fault-region.ts";

/** Host page request to the 48-byte report of `review` (virtio-iommu.md, 7.4 and 7.5). */
export function pageRequestReport(endpoint: number, fault: PageRequestFault): Uint8Array {
  const flags = Number(fault.flags);
  const pasid = (flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) !== 0;
  return virtio_iommu_fault.encode({
    reason: VIRTIO_IOMMU_FAULT_R_MAPPING,
    endpoint,
    pasid: pasid ? fault.pasid : 0,
    address: fault.addr,
    group_id: fault.grpid & 0xffffn,
    flags:
      (Number(fault.perm) & PERM) |
      VIRTIO_IOMMU_FAULT_F_PAGE_REQ |
      VIRTIO_IOMMU_FAULT_F_ADDRESS |
      VIRTIO_IOMMU_FAULT_F_GROUP_ID |
      (pasid ? VIRTIO_IOMMU_FAULT_F_PASID : 0) |
      (flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE ? VIRTIO_IOMMU_FAULT_F_LAST : 0),
  });
}

/** Where the endpoint is attached: nowhere and refused for it, to a MAP/UNMAP domain, or anywhere else. */
export type Attached = "nowhere" | "map" | "elsewhere";

/** Reasons of the host that say the access had no mapping, or none with this right: PTE_FETCH, PERMISSION, ACCESS, OOR_ADDRESS. */
const NO_MAPPING = 5n;
const LAST_REASON = 8n;

/**
 * Reasons 4 to 8 of the host are 3 to 7 here, the others have no equivalent (7.5). Tables are the guest's; of what it asked for by request the specification's own reasons
 * speak: no domain, no mapping (7.1).
 */
function reasonOf(fault: UnrecoverableFault, to: Attached): number {
  if (to === "nowhere") return VIRTIO_IOMMU_FAULT_R_DOMAIN; // VI-D-16
  if (to === "map" && fault.reason >= NO_MAPPING && fault.reason <= LAST_REASON) return VIRTIO_IOMMU_FAULT_R_MAPPING;
  return fault.reason >= 4n && fault.reason <= LAST_REASON ? Number(fault.reason) - 1 : VIRTIO_IOMMU_FAULT_R_UNKNOWN;
}
const PERM = 0xf;

/** Unrecoverable fault with F_PAGE_REQUEST: 48 bytes. Fields whose valid bit is clear are zero. */
export function unrecoverableReport(endpoint: number, fault: UnrecoverableFault, to: Attached): Uint8Array {
  const flags = Number(fault.flags);
  const pasid = (flags & IOMMU_FAULT_UNRECOV_PASID_VALID) !== 0;
  const address = (flags & IOMMU_FAULT_UNRECOV_ADDR_VALID) !== 0;
  return virtio_iommu_fault.encode({
    reason: reasonOf(fault, to),
    endpoint,
    pasid: pasid ? fault.pasid : 0,
    address: address ? fault.addr : 0,
    flags: (Number(fault.perm) & PERM) | (address ? VIRTIO_IOMMU_FAULT_F_ADDRESS : 0) | (pasid ? VIRTIO_IOMMU_FAULT_F_PASID : 0),
  });
}

/** Unrecoverable fault as the specification has it: 24 bytes, no PASID, no flag but READ, WRITE and ADDRESS (VI-D-60, VI-D-61). */
export function specUnrecoverableReport(endpoint: number, fault: UnrecoverableFault, to: Attached): Uint8Array {
  const address = (Number(fault.flags) & IOMMU_FAULT_UNRECOV_ADDR_VALID) !== 0;
  const perm = Number(fault.perm);
  const flags =
    (perm & IOMMU_FAULT_PERM_READ ? VIRTIO_IOMMU_FAULT_F_READ : 0) |
    (perm & IOMMU_FAULT_PERM_WRITE ? VIRTIO_IOMMU_FAULT_F_WRITE : 0) |
    (address ? VIRTIO_IOMMU_FAULT_F_ADDRESS : 0);
  return virtio_iommu_fault.encode({ reason: reasonOf(fault, to), endpoint, flags, address: address ? fault.addr : 0 }).subarray(0, 24);
}

/** Page request of `rfc-v1`: the host's four flag bits go into `pr_evt_flags` as they are (7.5). */
export function rfcV1PageRequestReport(endpoint: number, fault: PageRequestFault): Uint8Array {
  return rfc_v1_virtio_iommu_fault.encode({
    reason: VIRTIO_IOMMU_FAULT_R_MAPPING,
    flt_type: RFC_V1_VIRTIO_IOMMU_FAULT_F_PAGE_REQ,
    flags: (Number(fault.perm) & PERM) | VIRTIO_IOMMU_FAULT_F_ADDRESS,
    pr_evt_flags: fault.flags & 0xfn,
    endpoint,
    pasid: fault.flags & BigInt(IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) ? fault.pasid : 0,
    grpid: fault.grpid,
    address: fault.addr,
  });
}

/** Unrecoverable fault of `rfc-v1`. */
export function rfcV1UnrecoverableReport(endpoint: number, fault: UnrecoverableFault, to: Attached): Uint8Array {
  const flags = Number(fault.flags);
  const address = (flags & IOMMU_FAULT_UNRECOV_ADDR_VALID) !== 0;
  return rfc_v1_virtio_iommu_fault.encode({
    reason: reasonOf(fault, to),
    flt_type: RFC_V1_VIRTIO_IOMMU_FAULT_F_DMA_UNRECOV,
    flags: (Number(fault.perm) & PERM) | (address ? VIRTIO_IOMMU_FAULT_F_ADDRESS : 0),
    pr_evt_flags: flags & 7,
    endpoint,
    pasid: flags & IOMMU_FAULT_UNRECOV_PASID_VALID ? fault.pasid : 0,
    address: address ? fault.addr : 0,
  });
}
