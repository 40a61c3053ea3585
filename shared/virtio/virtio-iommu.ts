import { bitStruct } from "../codec/bit-struct.ts";
import { at } from "../linux-uapi/c-struct.ts";

/* virtio-iommu, ABI `review` (virtio-iommu.md, sections 2 to 7); what `rfc-v1` has otherwise is in virtio-iommu-rfc-v1.ts. Requests are declared whole; their last 4 bytes are the tail, which the device writes. */

export const REQUEST_QUEUE = 0,
  EVENT_QUEUE = 1;

export * from "./device-status.ts";
export * from "./feature-bits.ts";

/** Configuration space, 40 bytes. `input_range_end` and `domain_range_end` are inclusive. */
export const virtio_iommu_config = bitStruct("virtio_iommu_config", 40, {
  page_size_mask: at(0, 8),
  input_range_start: at(8, 8),
  input_range_end: at(16, 8),
  domain_range_start: at(24, 4),
  domain_range_end: at(28, 4),
  probe_size: at(32, 4),
  bypass: at(36, 1),
});
/** Every ABI of this project. */
export const PROBE_SIZE = 512;

export const VIRTIO_IOMMU_T_ATTACH = 1,
  VIRTIO_IOMMU_T_DETACH = 2,
  VIRTIO_IOMMU_T_MAP = 3,
  VIRTIO_IOMMU_T_UNMAP = 4,
  VIRTIO_IOMMU_T_PROBE = 5;
export const VIRTIO_IOMMU_T_ATTACH_TABLE = 6,
  VIRTIO_IOMMU_T_INVALIDATE = 7,
  VIRTIO_IOMMU_T_PAGE_RESP = 8;

export const VIRTIO_IOMMU_S_OK = 0,
  VIRTIO_IOMMU_S_IOERR = 1,
  VIRTIO_IOMMU_S_UNSUPP = 2,
  VIRTIO_IOMMU_S_DEVERR = 3,
  VIRTIO_IOMMU_S_INVAL = 4;
export const VIRTIO_IOMMU_S_RANGE = 5,
  VIRTIO_IOMMU_S_NOENT = 6,
  VIRTIO_IOMMU_S_FAULT = 7,
  VIRTIO_IOMMU_S_NOMEM = 8;

/** Head of every request. */
export const virtio_iommu_req_head = bitStruct("virtio_iommu_req_head", 4, { type: at(0, 1), reserved: at(1, 3) });
/** Tail of every request: the last 4 bytes of the writable part. */
export const virtio_iommu_req_tail = bitStruct("virtio_iommu_req_tail", 4, { status: at(0, 1), reserved: at(1, 3) });

export const VIRTIO_IOMMU_ATTACH_F_BYPASS = 1;
export const virtio_iommu_req_attach = bitStruct("virtio_iommu_req_attach", 24, {
  type: at(0, 1),
  domain: at(4, 4),
  endpoint: at(8, 4),
  flags: at(12, 4),
  reserved: at(16, 4),
  status: at(20, 1),
});
export const virtio_iommu_req_detach = bitStruct("virtio_iommu_req_detach", 24, {
  type: at(0, 1),
  domain: at(4, 4),
  endpoint: at(8, 4),
  reserved: at(12, 8),
  status: at(20, 1),
});

export const VIRTIO_IOMMU_MAP_F_READ = 1,
  VIRTIO_IOMMU_MAP_F_WRITE = 2,
  VIRTIO_IOMMU_MAP_F_MMIO = 4;
/** `virt_end` is inclusive. */
export const virtio_iommu_req_map = bitStruct("virtio_iommu_req_map", 40, {
  type: at(0, 1),
  domain: at(4, 4),
  virt_start: at(8, 8),
  virt_end: at(16, 8),
  phys_start: at(24, 8),
  flags: at(32, 4),
  status: at(36, 1),
});
export const virtio_iommu_req_unmap = bitStruct("virtio_iommu_req_unmap", 32, {
  type: at(0, 1),
  domain: at(4, 4),
  virt_start: at(8, 8),
  virt_end: at(16, 8),
  reserved: at(24, 4),
  status: at(28, 1),
});
/** Readable part only: the writable part is PROBE_SIZE bytes of properties, then the tail. */
export const virtio_iommu_req_probe = bitStruct("virtio_iommu_req_probe", 72, { type: at(0, 1), endpoint: at(4, 4) });

export const VIRTIO_IOMMU_FORMAT_PGTF_ARM_LPAE = 1,
  VIRTIO_IOMMU_FORMAT_PSTF_ARM_SMMU_V3 = 2;
export const VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_LINEAR = 0,
  VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_4KL2 = 1,
  VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_64KL2 = 2;
export const VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_DSS_TERM = 0,
  VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_DSS_BYPASS = 1,
  VIRTIO_IOMMU_PSTF_ARM_SMMU_V3_DSS_0 = 2;
/** What every form of ATTACH_TABLE has in common; `format` selects the body. */
export const virtio_iommu_req_attach_table = bitStruct("virtio_iommu_req_attach_table", 80, {
  type: at(0, 1),
  domain: at(4, 4),
  endpoint: at(8, 4),
  format: at(12, 2),
  status: at(76, 1),
});
/** Format 2. `s1contextptr` is a GPA, `s1cdmax` the log2 of the number of CDs. */
export const virtio_iommu_req_attach_pst_arm = bitStruct("virtio_iommu_req_attach_pst_arm", 80, {
  type: at(0, 1),
  domain: at(4, 4),
  endpoint: at(8, 4),
  format: at(12, 2),
  s1fmt: at(14, 1),
  s1dss: at(15, 1),
  s1contextptr: at(16, 8),
  s1cdmax: at(24, 4),
  reserved_low: at(28, 24),
  reserved_high: at(52, 24),
  status: at(76, 1),
});
/** Format 1: one page table. */
export const virtio_iommu_req_attach_pgt_arm = bitStruct("virtio_iommu_req_attach_pgt_arm", 80, {
  type: at(0, 1),
  domain: at(4, 4),
  endpoint: at(8, 4),
  format: at(12, 2),
  asid: at(14, 2),
  tcr: at(16, 8),
  ttbr: at(24, 8),
  mair: at(32, 8),
  reserved: at(40, 36),
  status: at(76, 1),
});

export const VIRTIO_IOMMU_INVAL_G_DOMAIN = 1,
  VIRTIO_IOMMU_INVAL_G_PASID = 2,
  VIRTIO_IOMMU_INVAL_G_VA = 4;
export const VIRTIO_IOMMU_INV_T_IOTLB = 1,
  VIRTIO_IOMMU_INV_T_DEV_IOTLB = 2,
  VIRTIO_IOMMU_INV_T_PASID = 4;
export const VIRTIO_IOMMU_INVAL_F_PASID = 1,
  VIRTIO_IOMMU_INVAL_F_ARCHID = 2,
  VIRTIO_IOMMU_INVAL_F_LEAF = 4;
/** `granule` is a log2; `archid` the ASID. */
export const virtio_iommu_req_invalidate = bitStruct("virtio_iommu_req_invalidate", 64, {
  type: at(0, 1),
  inv_gran: at(4, 2),
  inv_type: at(6, 2),
  flags: at(8, 2),
  reserved1: at(10, 2),
  domain: at(12, 4),
  pasid: at(16, 4),
  reserved2: at(20, 4),
  archid: at(24, 8),
  virt_start: at(32, 8),
  nr_pages: at(40, 8),
  granule: at(48, 1),
  reserved3: at(49, 11),
  status: at(60, 1),
});

export const VIRTIO_IOMMU_PAGE_RESP_F_PASID_VALID = 1;
export const VIRTIO_IOMMU_PAGE_RESP_SUCCESS = 0,
  VIRTIO_IOMMU_PAGE_RESP_INVALID = 1,
  VIRTIO_IOMMU_PAGE_RESP_FAILURE = 2;
export const virtio_iommu_req_page_resp = bitStruct("virtio_iommu_req_page_resp", 32, {
  type: at(0, 1),
  endpoint: at(4, 4),
  flags: at(8, 4),
  pasid: at(12, 4),
  group_id: at(16, 2),
  resp_code: at(18, 2),
  reserved: at(20, 8),
  status: at(28, 1),
});

export const VIRTIO_IOMMU_FAULT_R_UNKNOWN = 0,
  VIRTIO_IOMMU_FAULT_R_DOMAIN = 1,
  VIRTIO_IOMMU_FAULT_R_MAPPING = 2,
  VIRTIO_IOMMU_FAULT_R_WALK_EABT = 3;
export const VIRTIO_IOMMU_FAULT_R_PTE_FETCH = 4,
  VIRTIO_IOMMU_FAULT_R_PERMISSION = 5,
  VIRTIO_IOMMU_FAULT_R_ACCESS = 6,
  VIRTIO_IOMMU_FAULT_R_OOR_ADDRESS = 7;
/** Values of `flags`. */
export const VIRTIO_IOMMU_FAULT_F_READ = 1,
  VIRTIO_IOMMU_FAULT_F_WRITE = 2,
  VIRTIO_IOMMU_FAULT_F_EXEC = 4,
  VIRTIO_IOMMU_FAULT_F_PRIVILEGED = 8,
  VIRTIO_IOMMU_FAULT_F_LAST = 16;
export const VIRTIO_IOMMU_FAULT_F_PAGE_REQ = 32,
  VIRTIO_IOMMU_FAULT_F_ADDRESS = 256,
  VIRTIO_IOMMU_FAULT_F_PASID = 512,
  VIRTIO_IOMMU_FAULT_F_GROUP_ID = 1024,
  VIRTIO_IOMMU_FAULT_F_PRIV_DATA = 2048;
/** Fault report with F_PAGE_REQUEST; the first 24 bytes are the report of the specification. */
export const virtio_iommu_fault = bitStruct("virtio_iommu_fault", 48, {
  reason: at(0, 1),
  reserved: at(1, 3),
  flags: at(4, 4),
  endpoint: at(8, 4),
  pasid: at(12, 4),
  address: at(16, 8),
  group_id: at(24, 2),
  reserved1: at(26, 6),
  private_data0: at(32, 8),
  private_data1: at(40, 8),
});

export const VIRTIO_IOMMU_PROBE_T_NONE = 0,
  VIRTIO_IOMMU_PROBE_T_RESV_MEM = 1,
  VIRTIO_IOMMU_PROBE_T_PAGE_SIZE_MASK = 2,
  VIRTIO_IOMMU_PROBE_T_INPUT_RANGE = 3,
  VIRTIO_IOMMU_PROBE_T_OUTPUT_SIZE = 4;
export const VIRTIO_IOMMU_PROBE_T_PASID_SIZE = 5,
  VIRTIO_IOMMU_PROBE_T_TABLE_FORMAT = 6,
  VIRTIO_IOMMU_PROBE_T_PAGE_REQUEST = 8;
export const VIRTIO_IOMMU_PROBE_T_MASK = 0xfff;
/** `length` does not count these 4 bytes. */
export const virtio_iommu_probe_property = bitStruct("virtio_iommu_probe_property", 4, { type: at(0, 2), length: at(2, 2) });
export const VIRTIO_IOMMU_RESV_MEM_T_RESERVED = 0,
  VIRTIO_IOMMU_RESV_MEM_T_MSI = 1;
export const virtio_iommu_probe_resv_mem = bitStruct("virtio_iommu_probe_resv_mem", 24, {
  type: at(0, 2),
  length: at(2, 2),
  subtype: at(4, 1),
  reserved: at(5, 3),
  start: at(8, 8),
  end: at(16, 8),
});
export const virtio_iommu_probe_page_size_mask = bitStruct("virtio_iommu_probe_page_size_mask", 16, { type: at(0, 2), length: at(2, 2), mask: at(8, 8) });
export const virtio_iommu_probe_input_range = bitStruct("virtio_iommu_probe_input_range", 24, { type: at(0, 2), length: at(2, 2), start: at(8, 8), end: at(16, 8) });
export const virtio_iommu_probe_output_size = bitStruct("virtio_iommu_probe_output_size", 8, { type: at(0, 2), length: at(2, 2), bits: at(4, 1) });
export const virtio_iommu_probe_pasid_size = bitStruct("virtio_iommu_probe_pasid_size", 8, { type: at(0, 2), length: at(2, 2), bits: at(4, 1) });
export const VIRTIO_IOMMU_PGT_ARM64_F_ASID16 = 1,
  VIRTIO_IOMMU_PST_ARM_SMMU3_F_CD2L = 2;
export const virtio_iommu_probe_table_format = bitStruct("virtio_iommu_probe_table_format", 16, {
  type: at(0, 2),
  length: at(2, 2),
  format: at(4, 2),
  reserved: at(6, 2),
  flags: at(8, 8),
});
export const VIRTIO_IOMMU_PAGE_REQUEST_F_RESP_PASID = 1;
export const virtio_iommu_probe_page_request = bitStruct("virtio_iommu_probe_page_request", 8, { type: at(0, 2), length: at(2, 2), flags: at(4, 4) });
