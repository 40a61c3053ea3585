import { describe, expect, it } from "vitest";
import {
  iommu_cache_invalidate_info,
  iommu_fault_event,
  iommu_fault_prm,
  iommu_inv_addr_info,
  iommu_inv_pasid_info,
  iommu_page_response,
  iommu_pasid_table_config,
} from "./iommu.ts";
import { kvm_userspace_memory_region } from "./kvm.ts";
import {
  VFIO_GET_API_VERSION,
  VFIO_IOMMU_SET_MSI_BINDING,
  vfio_device_info,
  vfio_iommu_type1_dma_map,
  vfio_irq_info,
  vfio_irq_set,
  vfio_region_dma_fault,
  vfio_region_info,
} from "./vfio.ts";

describe("uAPI structures (vfio-uapi.md: sizes and offsets of the C headers)", () => {
  it.each<[{ name: string; sizeBytes: number; layout: Record<string, readonly [number, number]> }, number, Record<string, number>]>([
    [iommu_fault_prm, 64, { type: 0, flags: 8, pasid: 12, grpid: 16, perm: 20, addr: 24 }],
    [iommu_fault_event, 64, { reason: 8, flags: 12, pasid: 16, perm: 20, addr: 24, fetch_addr: 32 }],
    [iommu_page_response, 24, { version: 4, flags: 8, pasid: 12, grpid: 16, code: 20 }],
    [iommu_cache_invalidate_info, 16, { version: 4, cache: 8, granularity: 9, padding: 10 }],
    [iommu_inv_pasid_info, 16, { archid: 4, pasid: 8 }],
    [iommu_inv_addr_info, 40, { archid: 4, pasid: 8, addr: 16, granule_size: 24, nb_granules: 32 }],
    [iommu_pasid_table_config, 32, { base_ptr: 8, format: 16, pasid_bits: 20, config: 21, smmuv3_version: 24, s1fmt: 28, s1dss: 29 }],
    [vfio_device_info, 20, { num_regions: 8, num_irqs: 12 }],
    [vfio_region_info, 32, { index: 8, cap_offset: 12, size: 16, offset: 24 }],
    [vfio_irq_info, 20, { index: 8, count: 12, cap_offset: 16 }],
    [vfio_irq_set, 20, { index: 8, start: 12, count: 16 }],
    [vfio_iommu_type1_dma_map, 32, { vaddr: 8, iova: 16, size: 24 }],
    [vfio_region_dma_fault, 20, { tail: 0, entry_size: 4, nb_entries: 8, offset: 12, head: 16 }],
    [kvm_userspace_memory_region, 32, { flags: 4, guest_phys_addr: 8, memory_size: 16, userspace_addr: 24 }],
  ])("$name", (struct, size, offsets) => {
    expect(struct.sizeBytes).toBe(size);
    for (const [field, offset] of Object.entries(offsets)) expect(struct.layout[field][1] / 8, field).toBe(offset);
  });

  it("numbers the ioctls without direction and size", () => {
    expect([VFIO_GET_API_VERSION, VFIO_IOMMU_SET_MSI_BINDING]).toEqual([0x3b64, 0x3b78]);
  });
});
