import { bitStruct } from "../codec/bit-struct.ts";
import { at } from "./c-struct.ts";

/* include/uapi/linux/iommu.h, v5.12, and "[PATCH v15 01/12] iommu: Introduce attach/detach_pasid_table API". Natural alignment, little-endian. */

export const IOMMU_FAULT_PERM_READ = 1,
  IOMMU_FAULT_PERM_WRITE = 2,
  IOMMU_FAULT_PERM_EXEC = 4,
  IOMMU_FAULT_PERM_PRIV = 8;
export const IOMMU_FAULT_DMA_UNRECOV = 1,
  IOMMU_FAULT_PAGE_REQ = 2;

export const IOMMU_FAULT_REASON = {
  UNKNOWN: 0,
  PASID_FETCH: 1,
  BAD_PASID_ENTRY: 2,
  PASID_INVALID: 3,
  WALK_EABT: 4,
  PTE_FETCH: 5,
  PERMISSION: 6,
  ACCESS: 7,
  OOR_ADDRESS: 8,
} as const;
export const IOMMU_FAULT_UNRECOV_PASID_VALID = 1,
  IOMMU_FAULT_UNRECOV_ADDR_VALID = 2,
  IOMMU_FAULT_UNRECOV_FETCH_ADDR_VALID = 4;
export const IOMMU_FAULT_PAGE_REQUEST_PASID_VALID = 1,
  IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE = 2,
  IOMMU_FAULT_PAGE_REQUEST_PRIV_DATA = 4,
  IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID = 8;

/** struct iommu_fault with the `prm` member of its union: struct iommu_fault_page_request lies at 8. */
export const iommu_fault_prm = bitStruct("iommu_fault (prm)", 64, {
  type: at(0, 4),
  padding: at(4, 4),
  flags: at(8, 4),
  pasid: at(12, 4),
  grpid: at(16, 4),
  perm: at(20, 4),
  addr: at(24, 8),
  private_data0: at(32, 8),
  private_data1: at(40, 8),
});
/** struct iommu_fault with the `event` member of its union: struct iommu_fault_unrecoverable lies at 8. */
export const iommu_fault_event = bitStruct("iommu_fault (event)", 64, {
  type: at(0, 4),
  padding: at(4, 4),
  reason: at(8, 4),
  flags: at(12, 4),
  pasid: at(16, 4),
  perm: at(20, 4),
  addr: at(24, 8),
  fetch_addr: at(32, 8),
});

export const IOMMU_PAGE_RESP_VERSION_1 = 1;
export const IOMMU_PAGE_RESP_PASID_VALID = 1;
export const IOMMU_PAGE_RESP_SUCCESS = 0,
  IOMMU_PAGE_RESP_INVALID = 1,
  IOMMU_PAGE_RESP_FAILURE = 2;
export const iommu_page_response = bitStruct("iommu_page_response", 24, {
  argsz: at(0, 4),
  version: at(4, 4),
  flags: at(8, 4),
  pasid: at(12, 4),
  grpid: at(16, 4),
  code: at(20, 4),
});

export const IOMMU_CACHE_INVALIDATE_INFO_VERSION_1 = 1;
export const IOMMU_CACHE_INV_TYPE_IOTLB = 1,
  IOMMU_CACHE_INV_TYPE_DEV_IOTLB = 2,
  IOMMU_CACHE_INV_TYPE_PASID = 4;
export const IOMMU_INV_GRANU_DOMAIN = 0,
  IOMMU_INV_GRANU_PASID = 1,
  IOMMU_INV_GRANU_ADDR = 2;
export const IOMMU_INV_PASID_FLAGS_PASID = 1,
  IOMMU_INV_PASID_FLAGS_ARCHID = 2;
export const IOMMU_INV_ADDR_FLAGS_PASID = 1,
  IOMMU_INV_ADDR_FLAGS_ARCHID = 2,
  IOMMU_INV_ADDR_FLAGS_LEAF = 4;

/** The 16 bytes before the granularity's own structure. `padding` must be zero. */
export const iommu_cache_invalidate_info = bitStruct("iommu_cache_invalidate_info", 16, {
  argsz: at(0, 4),
  version: at(4, 4),
  cache: at(8, 1),
  granularity: at(9, 1),
  padding: at(10, 6),
});
export const iommu_inv_pasid_info = bitStruct("iommu_inv_pasid_info", 16, { flags: at(0, 4), archid: at(4, 4), pasid: at(8, 8) });
export const iommu_inv_addr_info = bitStruct("iommu_inv_addr_info", 40, {
  flags: at(0, 4),
  archid: at(4, 4),
  pasid: at(8, 8),
  addr: at(16, 8),
  granule_size: at(24, 8),
  nb_granules: at(32, 8),
});

export const PASID_TABLE_CFG_VERSION_1 = 1,
  PASID_TABLE_SMMUV3_CFG_VERSION_1 = 1;
export const IOMMU_PASID_FORMAT_SMMUV3 = 1;
export const IOMMU_PASID_CONFIG_TRANSLATE = 1,
  IOMMU_PASID_CONFIG_BYPASS = 2,
  IOMMU_PASID_CONFIG_ABORT = 3;
/** With `vendor_data.smmuv3` (struct iommu_pasid_smmuv3) at 24. `s1fmt` and `s1dss` are STE.S1Fmt and STE.S1DSS. */
export const iommu_pasid_table_config = bitStruct("iommu_pasid_table_config", 32, {
  argsz: at(0, 4),
  version: at(4, 4),
  base_ptr: at(8, 8),
  format: at(16, 4),
  pasid_bits: at(20, 1),
  config: at(21, 1),
  padding: at(22, 2),
  smmuv3_version: at(24, 4),
  s1fmt: at(28, 1),
  s1dss: at(29, 1),
  smmuv3_padding: at(30, 2),
});
