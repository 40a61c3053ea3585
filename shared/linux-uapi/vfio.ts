import { bitStruct } from "../codec/bit-struct.ts";
import { at } from "./c-struct.ts";

/* include/uapi/linux/vfio.h, v5.12, with the nested ioctls, regions and IRQ of "[PATCH v13 nn/13] SMMUv3 Nested Stage Setup (VFIO part)". */

const nr = (number: number): number => (0x3b << 8) | number; // VFIO_TYPE ';'; no direction or size in the number
export const VFIO_API_VERSION = 0;
export const VFIO_GET_API_VERSION = nr(100),
  VFIO_CHECK_EXTENSION = nr(101),
  VFIO_SET_IOMMU = nr(102);
export const VFIO_GROUP_GET_STATUS = nr(103),
  VFIO_GROUP_SET_CONTAINER = nr(104),
  VFIO_GROUP_UNSET_CONTAINER = nr(105),
  VFIO_GROUP_GET_DEVICE_FD = nr(106);
export const VFIO_DEVICE_GET_INFO = nr(107),
  VFIO_DEVICE_GET_REGION_INFO = nr(108),
  VFIO_DEVICE_GET_IRQ_INFO = nr(109),
  VFIO_DEVICE_SET_IRQS = nr(110),
  VFIO_DEVICE_RESET = nr(111);
export const VFIO_IOMMU_GET_INFO = nr(112),
  VFIO_IOMMU_MAP_DMA = nr(113),
  VFIO_IOMMU_UNMAP_DMA = nr(114);
export const VFIO_IOMMU_SET_PASID_TABLE = nr(118),
  VFIO_IOMMU_CACHE_INVALIDATE = nr(119),
  VFIO_IOMMU_SET_MSI_BINDING = nr(120);

export const vfioCommandNames: Record<number, string> = {
  [VFIO_GET_API_VERSION]: "VFIO_GET_API_VERSION",
  [VFIO_CHECK_EXTENSION]: "VFIO_CHECK_EXTENSION",
  [VFIO_SET_IOMMU]: "VFIO_SET_IOMMU",
  [VFIO_GROUP_GET_STATUS]: "VFIO_GROUP_GET_STATUS",
  [VFIO_GROUP_SET_CONTAINER]: "VFIO_GROUP_SET_CONTAINER",
  [VFIO_GROUP_UNSET_CONTAINER]: "VFIO_GROUP_UNSET_CONTAINER",
  [VFIO_GROUP_GET_DEVICE_FD]: "VFIO_GROUP_GET_DEVICE_FD",
  [VFIO_DEVICE_GET_INFO]: "VFIO_DEVICE_GET_INFO",
  [VFIO_DEVICE_GET_REGION_INFO]: "VFIO_DEVICE_GET_REGION_INFO",
  [VFIO_DEVICE_GET_IRQ_INFO]: "VFIO_DEVICE_GET_IRQ_INFO",
  [VFIO_DEVICE_SET_IRQS]: "VFIO_DEVICE_SET_IRQS",
  [VFIO_DEVICE_RESET]: "VFIO_DEVICE_RESET",
  [VFIO_IOMMU_GET_INFO]: "VFIO_IOMMU_GET_INFO",
  [VFIO_IOMMU_MAP_DMA]: "VFIO_IOMMU_MAP_DMA",
  [VFIO_IOMMU_UNMAP_DMA]: "VFIO_IOMMU_UNMAP_DMA",
  [VFIO_IOMMU_SET_PASID_TABLE]: "VFIO_IOMMU_SET_PASID_TABLE",
  [VFIO_IOMMU_CACHE_INVALIDATE]: "VFIO_IOMMU_CACHE_INVALIDATE",
  [VFIO_IOMMU_SET_MSI_BINDING]: "VFIO_IOMMU_SET_MSI_BINDING",
};

export const VFIO_TYPE1_IOMMU = 1,
  VFIO_TYPE1v2_IOMMU = 3,
  VFIO_DMA_CC_IOMMU = 4,
  VFIO_TYPE1_NESTING_IOMMU = 6;

export const VFIO_GROUP_FLAGS_VIABLE = 1,
  VFIO_GROUP_FLAGS_CONTAINER_SET = 2;
export const vfio_group_status = bitStruct("vfio_group_status", 8, { argsz: at(0, 4), flags: at(4, 4) });

export const VFIO_DEVICE_FLAGS_RESET = 1,
  VFIO_DEVICE_FLAGS_PCI = 2,
  VFIO_DEVICE_FLAGS_CAPS = 128;
export const vfio_device_info = bitStruct("vfio_device_info", 20, {
  argsz: at(0, 4),
  flags: at(4, 4),
  num_regions: at(8, 4),
  num_irqs: at(12, 4),
  cap_offset: at(16, 4),
});

/** Region indexes of vfio-pci; device-specific regions start at VFIO_PCI_NUM_REGIONS. File offset of region i = i << 40. */
export const VFIO_PCI_BAR0_REGION_INDEX = 0,
  VFIO_PCI_BAR5_REGION_INDEX = 5,
  VFIO_PCI_ROM_REGION_INDEX = 6,
  VFIO_PCI_CONFIG_REGION_INDEX = 7,
  VFIO_PCI_VGA_REGION_INDEX = 8,
  VFIO_PCI_NUM_REGIONS = 9;
export const VFIO_PCI_OFFSET_SHIFT = 40;
export const VFIO_REGION_INFO_FLAG_READ = 1,
  VFIO_REGION_INFO_FLAG_WRITE = 2,
  VFIO_REGION_INFO_FLAG_MMAP = 4,
  VFIO_REGION_INFO_FLAG_CAPS = 8;
export const vfio_region_info = bitStruct("vfio_region_info", 32, {
  argsz: at(0, 4),
  flags: at(4, 4),
  index: at(8, 4),
  cap_offset: at(12, 4),
  size: at(16, 8),
  offset: at(24, 8),
});

export const vfio_info_cap_header = bitStruct("vfio_info_cap_header", 8, { id: at(0, 2), version: at(2, 2), next: at(4, 4) });
export const VFIO_REGION_INFO_CAP_SPARSE_MMAP = 1,
  VFIO_REGION_INFO_CAP_TYPE = 2,
  VFIO_REGION_INFO_CAP_DMA_FAULT = 6,
  VFIO_REGION_INFO_CAP_DMA_FAULT_RESPONSE = 7;
/** With one area. */
export const vfio_region_info_cap_sparse_mmap = bitStruct("vfio_region_info_cap_sparse_mmap", 32, {
  id: at(0, 2),
  version: at(2, 2),
  next: at(4, 4),
  nr_areas: at(8, 4),
  reserved: at(12, 4),
  area_offset: at(16, 8),
  area_size: at(24, 8),
});
export const vfio_region_info_cap_type = bitStruct("vfio_region_info_cap_type", 16, {
  id: at(0, 2),
  version: at(2, 2),
  next: at(4, 4),
  type: at(8, 4),
  subtype: at(12, 4),
});
/** Also struct vfio_region_info_cap_fault_response; `abi_version` is the C member `version`. */
export const vfio_region_info_cap_fault = bitStruct("vfio_region_info_cap_fault", 12, { id: at(0, 2), version: at(2, 2), next: at(4, 4), abi_version: at(8, 4) });
export const VFIO_REGION_TYPE_NESTED = 4;
export const VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT = 1,
  VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT_RESPONSE = 2;

/** The ring of `entry_size`-byte records starts at `offset`; `tail` is written by the user, `head` by the kernel. */
export const vfio_region_dma_fault = bitStruct("vfio_region_dma_fault", 20, {
  tail: at(0, 4),
  entry_size: at(4, 4),
  nb_entries: at(8, 4),
  offset: at(12, 4),
  head: at(16, 4),
});
/** `head` is written by the user, `tail` by the kernel. */
export const vfio_region_dma_fault_response = bitStruct("vfio_region_dma_fault_response", 20, {
  head: at(0, 4),
  entry_size: at(4, 4),
  nb_entries: at(8, 4),
  offset: at(12, 4),
  tail: at(16, 4),
});
/** Geometry of the two rings with 4 KiB pages. */
export const DMA_FAULT_RING = { entrySize: 64, entries: 512, offset: 4096, size: 36864, headOffset: 16 } as const;
export const DMA_FAULT_RESPONSE_RING = { entrySize: 24, entries: 512, offset: 4096, size: 16384 } as const;

export const VFIO_PCI_INTX_IRQ_INDEX = 0,
  VFIO_PCI_MSI_IRQ_INDEX = 1,
  VFIO_PCI_MSIX_IRQ_INDEX = 2,
  VFIO_PCI_ERR_IRQ_INDEX = 3,
  VFIO_PCI_REQ_IRQ_INDEX = 4,
  VFIO_PCI_NUM_IRQS = 5;
export const VFIO_IRQ_INFO_EVENTFD = 1,
  VFIO_IRQ_INFO_MASKABLE = 2,
  VFIO_IRQ_INFO_AUTOMASKED = 4,
  VFIO_IRQ_INFO_NORESIZE = 8,
  VFIO_IRQ_INFO_FLAG_CAPS = 16;
export const vfio_irq_info = bitStruct("vfio_irq_info", 20, { argsz: at(0, 4), flags: at(4, 4), index: at(8, 4), count: at(12, 4), cap_offset: at(16, 4) });
export const VFIO_IRQ_INFO_CAP_TYPE = 3,
  VFIO_IRQ_TYPE_NESTED = 1,
  VFIO_IRQ_SUBTYPE_DMA_FAULT = 1;
export const vfio_irq_info_cap_type = bitStruct("vfio_irq_info_cap_type", 16, { id: at(0, 2), version: at(2, 2), next: at(4, 4), type: at(8, 4), subtype: at(12, 4) });
export const VFIO_IRQ_SET_DATA_NONE = 1,
  VFIO_IRQ_SET_DATA_BOOL = 2,
  VFIO_IRQ_SET_DATA_EVENTFD = 4,
  VFIO_IRQ_SET_ACTION_MASK = 8,
  VFIO_IRQ_SET_ACTION_UNMASK = 16,
  VFIO_IRQ_SET_ACTION_TRIGGER = 32;
/** `data` follows at 20: nothing, one byte or one 4-byte fd (-1: none) per IRQ. */
export const vfio_irq_set = bitStruct("vfio_irq_set", 20, { argsz: at(0, 4), flags: at(4, 4), index: at(8, 4), start: at(12, 4), count: at(16, 4) });

export const VFIO_IOMMU_INFO_PGSIZES = 1;
export const vfio_iommu_type1_info = bitStruct("vfio_iommu_type1_info", 24, { argsz: at(0, 4), flags: at(4, 4), iova_pgsizes: at(8, 8), cap_offset: at(16, 4) });
export const VFIO_DMA_MAP_FLAG_READ = 1,
  VFIO_DMA_MAP_FLAG_WRITE = 2,
  VFIO_DMA_MAP_FLAG_VADDR = 4;
export const vfio_iommu_type1_dma_map = bitStruct("vfio_iommu_type1_dma_map", 32, {
  argsz: at(0, 4),
  flags: at(4, 4),
  vaddr: at(8, 8),
  iova: at(16, 8),
  size: at(24, 8),
});
export const VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP = 1,
  VFIO_DMA_UNMAP_FLAG_ALL = 2,
  VFIO_DMA_UNMAP_FLAG_VADDR = 4;
export const vfio_iommu_type1_dma_unmap = bitStruct("vfio_iommu_type1_dma_unmap", 24, { argsz: at(0, 4), flags: at(4, 4), iova: at(8, 8), size: at(16, 8) });

export const VFIO_PASID_TABLE_FLAG_SET = 1,
  VFIO_PASID_TABLE_FLAG_UNSET = 2;
/** struct iommu_pasid_table_config follows at 8 (total 40). */
export const vfio_iommu_type1_set_pasid_table = bitStruct("vfio_iommu_type1_set_pasid_table", 8, { argsz: at(0, 4), flags: at(4, 4) });
/** struct iommu_cache_invalidate_info follows at 8 (total 64). */
export const vfio_iommu_type1_cache_invalidate = bitStruct("vfio_iommu_type1_cache_invalidate", 8, { argsz: at(0, 4), flags: at(4, 4) });
export const VFIO_IOMMU_BIND_MSI = 1,
  VFIO_IOMMU_UNBIND_MSI = 2;
export const vfio_iommu_type1_set_msi_binding = bitStruct("vfio_iommu_type1_set_msi_binding", 32, {
  argsz: at(0, 4),
  flags: at(4, 4),
  iova: at(8, 8),
  gpa: at(16, 8),
  size: at(24, 8),
});
