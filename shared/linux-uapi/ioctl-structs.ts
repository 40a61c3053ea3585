import type { Layout } from "../codec/bit-struct.ts";
import { iommu_cache_invalidate_info, iommu_inv_addr_info, iommu_inv_pasid_info, iommu_pasid_table_config } from "./iommu.ts";
import { KVM_SET_USER_MEMORY_REGION, kvm_userspace_memory_region } from "./kvm.ts";
import * as vfio from "./vfio.ts";

export type Struct = { name: string; sizeBytes: number; layout: Layout; decode(bytes: Uint8Array): Record<string, bigint> };

/** The structures of an ioctl's argument, one after the other; later ones only when their bytes are there. */
export const structsOf: Record<number, readonly Struct[]> = {
  [vfio.VFIO_GROUP_GET_STATUS]: [vfio.vfio_group_status],
  [vfio.VFIO_DEVICE_GET_INFO]: [vfio.vfio_device_info],
  [vfio.VFIO_DEVICE_GET_REGION_INFO]: [vfio.vfio_region_info],
  [vfio.VFIO_DEVICE_GET_IRQ_INFO]: [vfio.vfio_irq_info],
  [vfio.VFIO_DEVICE_SET_IRQS]: [vfio.vfio_irq_set],
  [vfio.VFIO_IOMMU_GET_INFO]: [vfio.vfio_iommu_type1_info],
  [vfio.VFIO_IOMMU_MAP_DMA]: [vfio.vfio_iommu_type1_dma_map],
  [vfio.VFIO_IOMMU_UNMAP_DMA]: [vfio.vfio_iommu_type1_dma_unmap],
  [vfio.VFIO_IOMMU_SET_PASID_TABLE]: [vfio.vfio_iommu_type1_set_pasid_table, iommu_pasid_table_config],
  [vfio.VFIO_IOMMU_CACHE_INVALIDATE]: [vfio.vfio_iommu_type1_cache_invalidate, iommu_cache_invalidate_info],
  [vfio.VFIO_IOMMU_SET_MSI_BINDING]: [vfio.vfio_iommu_type1_set_msi_binding],
  [KVM_SET_USER_MEMORY_REGION]: [kvm_userspace_memory_region],
};
/** iommu_cache_invalidate_info.granularity: which structure its union holds. */
export const invalidateUnion: Record<number, Struct> = { 1: iommu_inv_pasid_info, 2: iommu_inv_addr_info };

/** Structures one behind the other as one layout. A field whose name an earlier structure has takes its structure's name in front: `iommu_inv_addr_info_flags`. */
function joined(structs: readonly Struct[]): Layout {
  const layout: Record<string, Layout[string]> = {};
  let at = 0;
  for (const { name, sizeBytes, layout: own } of structs) {
    for (const [field, [hi, lo]] of Object.entries(own)) layout[field in layout ? `${name}_${field}` : field] = [hi + at * 8, lo + at * 8];
    at += sizeBytes;
  }
  return layout;
}

const invalidate = structsOf[vfio.VFIO_IOMMU_CACHE_INVALIDATE];
const invalidateLayouts = new Map([undefined, ...Object.values(invalidateUnion)].map((union) => [union, joined(union ? [...invalidate, union] : invalidate)]));
const layouts = new Map(Object.entries(structsOf).map(([cmd, structs]) => [Number(cmd), joined(structs)]));
const GRANULARITY_AT = vfio.vfio_iommu_type1_cache_invalidate.sizeBytes + iommu_cache_invalidate_info.layout.granularity[1] / 8;

/** The layout of an ioctl's argument; undefined: none is known. Fields may lie beyond an argument that is too short. */
export const ioctlLayout = (cmd: number, arg: Uint8Array): Layout | undefined =>
  cmd === vfio.VFIO_IOMMU_CACHE_INVALIDATE ? invalidateLayouts.get(invalidateUnion[arg[GRANULARITY_AT]]) : layouts.get(cmd);

/** Every layout that an argument can have. */
export const ioctlLayouts: readonly Layout[] = [...layouts.values(), ...invalidateLayouts.values()];
