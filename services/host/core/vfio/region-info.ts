import {
  DMA_FAULT_RESPONSE_RING,
  DMA_FAULT_RING,
  VFIO_PCI_OFFSET_SHIFT,
  VFIO_REGION_INFO_CAP_DMA_FAULT,
  VFIO_REGION_INFO_CAP_DMA_FAULT_RESPONSE,
  VFIO_REGION_INFO_CAP_SPARSE_MMAP,
  VFIO_REGION_INFO_CAP_TYPE,
  VFIO_REGION_INFO_FLAG_CAPS,
  VFIO_REGION_INFO_FLAG_MMAP,
  VFIO_REGION_INFO_FLAG_READ,
  VFIO_REGION_INFO_FLAG_WRITE,
  VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT,
  VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT_RESPONSE,
  VFIO_REGION_TYPE_NESTED,
  vfio_region_info,
  vfio_region_info_cap_fault,
  vfio_region_info_cap_sparse_mmap,
  vfio_region_info_cap_type,
} from "@faultline/shared/linux-uapi/vfio.ts";

const offsetOf = (index: number): bigint => BigInt(index) << BigInt(VFIO_PCI_OFFSET_SHIFT);

/** A PCI region. No MMAP: stores to a BAR cross the edge as `pwrite`. */
export function pciRegionInfo(argsz: number, index: number, size: number, writable: boolean): Uint8Array {
  const flags = size === 0 ? 0 : VFIO_REGION_INFO_FLAG_READ | (writable ? VFIO_REGION_INFO_FLAG_WRITE : 0);
  return vfio_region_info.encode({ argsz, flags, index, size, offset: offsetOf(index) });
}

/** A fault region with its capabilities TYPE, DMA_FAULT(_RESPONSE), SPARSE_MMAP; without them when argsz is too small. */
export function faultRegionInfo(argsz: number, index: number, response: boolean): Uint8Array {
  const ring = response ? DMA_FAULT_RESPONSE_RING : DMA_FAULT_RING;
  const flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
  const at = { type: 32, fault: 48, sparse: 60, end: 92 };
  const info = { flags, index, size: ring.size, offset: offsetOf(index) };
  if (argsz < at.end) return vfio_region_info.encode({ ...info, argsz: at.end, cap_offset: 0 });
  const subtype = response ? VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT_RESPONSE : VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT;
  return new Uint8Array([
    ...vfio_region_info.encode({ ...info, argsz, cap_offset: at.type }),
    ...vfio_region_info_cap_type.encode({ id: VFIO_REGION_INFO_CAP_TYPE, version: 1, next: at.fault, type: VFIO_REGION_TYPE_NESTED, subtype }),
    ...vfio_region_info_cap_fault.encode({
      id: response ? VFIO_REGION_INFO_CAP_DMA_FAULT_RESPONSE : VFIO_REGION_INFO_CAP_DMA_FAULT,
      version: 1,
      next: at.sparse,
      abi_version: 1,
    }),
    ...vfio_region_info_cap_sparse_mmap.encode({
      id: VFIO_REGION_INFO_CAP_SPARSE_MMAP,
      version: 1,
      nr_areas: 1,
      area_offset: ring.offset,
      area_size: ring.size - ring.offset,
    }),
  ]);
}
