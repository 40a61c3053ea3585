import { bitStruct } from "../codec/bit-struct.ts";
import { at } from "../linux-uapi/c-struct.ts";

/* What the ABI `rfc-v1` has otherwise than `review`: the layouts after all 11 patches of the vSVA series (virtio-iommu.md, 5.5, 6.3, 6.6, 7.2). */

export const RFC_V1_VIRTIO_IOMMU_PROBE_T_PAGE_TABLE_FMT = 6,
  RFC_V1_VIRTIO_IOMMU_PROBE_T_PASID_TABLE_FMT = 7;
/** Properties 6 and 7; `asid_bits` is 8 or 16, no flag is defined. */
export const rfc_v1_virtio_iommu_probe_table_format = bitStruct("virtio_iommu_probe_table_format (rfc-v1)", 16, {
  type: at(0, 2),
  length: at(2, 2),
  format: at(4, 2),
  asid_bits: at(6, 2),
  flags: at(8, 4),
  reserved: at(12, 4),
});

/** The struct of format 1 as posted: 8 bytes shorter than what the driver sends (RR-43). On the wire every form has 76 readable bytes. */
export const rfc_v1_virtio_iommu_req_attach_pgt_arm = bitStruct("virtio_iommu_req_attach_pgt_arm (rfc-v1)", 72, {
  type: at(0, 1),
  domain: at(4, 4),
  endpoint: at(8, 4),
  format: at(12, 2),
  asid: at(14, 2),
  tcr: at(16, 8),
  ttbr: at(24, 8),
  mair: at(32, 8),
  reserved: at(40, 28),
  status: at(68, 1),
});

/** `flags` and `pasid_valid` say the same thing twice (RR-66); flags win. */
export const rfc_v1_virtio_iommu_req_page_resp = bitStruct("virtio_iommu_req_page_resp (rfc-v1)", 40, {
  type: at(0, 1),
  domain: at(4, 4),
  endpoint: at(8, 4),
  flags: at(12, 4),
  pasid: at(16, 4),
  grpid: at(20, 4),
  resp_code: at(24, 2),
  pasid_valid: at(26, 1),
  reserved: at(27, 9),
  status: at(36, 1),
});

/** Values of `flt_type`. */
export const RFC_V1_VIRTIO_IOMMU_FAULT_F_DMA_UNRECOV = 1,
  RFC_V1_VIRTIO_IOMMU_FAULT_F_PAGE_REQ = 2;
/** Values of `pr_evt_flags` of a page request; of an unrecoverable fault they are those of the host's `event.flags`. */
export const RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_PASID_VALID = 1,
  RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_LAST_PAGE = 2,
  RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_PRIV_DATA = 4,
  RFC_V1_VIRTIO_IOMMU_FAULT_PRQ_F_NEEDS_PASID = 8;
/** Fault report, whatever was negotiated: flags, endpoint and address are not where the specification has them (RR-01). */
export const rfc_v1_virtio_iommu_fault = bitStruct("virtio_iommu_fault (rfc-v1)", 48, {
  reason: at(0, 1),
  reserved: at(1, 3),
  flt_type: at(4, 2),
  reserved2: at(6, 2),
  flags: at(8, 4),
  pr_evt_flags: at(12, 4),
  endpoint: at(16, 4),
  pasid: at(20, 4),
  grpid: at(24, 4),
  reserved3: at(28, 4),
  address: at(32, 8),
  reserved4: at(40, 8),
});
