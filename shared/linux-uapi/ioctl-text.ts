import type { Layout } from "../codec/bit-struct.ts";
import { hex } from "../codec/uint64.ts";
import { iommu_cache_invalidate_info, iommu_inv_addr_info, iommu_inv_pasid_info, iommu_pasid_table_config } from "./iommu.ts";
import { KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION, kvm_userspace_memory_region } from "./kvm.ts";
import * as vfio from "./vfio.ts";

type Struct = { sizeBytes: number; layout: Layout; decode(bytes: Uint8Array): Record<string, bigint> };

/** The structures of an ioctl's argument, one after the other; later ones only when their bytes are there. */
const structsOf: Record<number, readonly Struct[]> = {
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
const names: Record<number, string> = { ...vfio.vfioCommandNames, [KVM_CREATE_VM]: "KVM_CREATE_VM", [KVM_SET_USER_MEMORY_REGION]: "KVM_SET_USER_MEMORY_REGION" };
/** iommu_cache_invalidate_info.granularity: which structure its union holds. */
const invalidateUnion: Record<number, Struct> = { 1: iommu_inv_pasid_info, 2: iommu_inv_addr_info };
const GRANULARITY = "granularity";
/** Addresses, masks and flags are easier to read in hex. */
const HEX = /flags|addr|iova|size|ptr|gpa|offset|mask|cap/;

/** The name of an ioctl, or its number in hex. */
export const ioctlName = (cmd: number): string => names[cmd] ?? hex(cmd);

/** The argument of an ioctl the way strace prints it: `{argsz=32, flags=0x1}`, a string for a device name, a number for an int. Bytes of no known layout are hex. */
export function ioctlArgument(cmd: number, bytes: Uint8Array): string {
  if (cmd === vfio.VFIO_GROUP_GET_DEVICE_FD) {
    const end = bytes.indexOf(0);
    return JSON.stringify(String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end)));
  }
  const structs = [...(structsOf[cmd] ?? [])];
  if (structs.length === 0) return bytes.length === 0 ? "0" : bytes.length === 4 ? String(new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true)) : raw(bytes);
  const parts: string[] = [];
  let at = 0;
  for (let struct = structs.shift(); struct && at + struct.sizeBytes <= bytes.length; struct = structs.shift()) {
    const fields = struct.decode(bytes.slice(at, at + struct.sizeBytes));
    parts.push(...Object.entries(fields).map(([name, value]) => `${name}=${HEX.test(name) && name !== "argsz" ? hex(value) : value}`));
    at += struct.sizeBytes;
    const union = cmd === vfio.VFIO_IOMMU_CACHE_INVALIDATE ? invalidateUnion[Number(fields[GRANULARITY] ?? 0n)] : undefined;
    if (union && struct === iommu_cache_invalidate_info) structs.push(union);
  }
  if (parts.length === 0) return raw(bytes);
  if (cmd === vfio.VFIO_DEVICE_SET_IRQS && at < bytes.length) parts.push(`data=[${int32s(bytes.subarray(at)).join(", ")}]`);
  return `{${parts.join(", ")}}`;
}

const raw = (bytes: Uint8Array): string =>
  `"${Array.from(bytes.subarray(0, 32), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}"${bytes.length > 32 ? "..." : ""}`;
const int32s = (bytes: Uint8Array): number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getInt32(i * 4, true));
};
