import {
  VFIO_DEVICE_GET_INFO,
  VFIO_DEVICE_GET_IRQ_INFO,
  VFIO_DEVICE_GET_REGION_INFO,
  VFIO_DEVICE_RESET,
  VFIO_GROUP_FLAGS_VIABLE,
  VFIO_GROUP_GET_STATUS,
  VFIO_IRQ_INFO_CAP_TYPE,
  VFIO_IRQ_INFO_EVENTFD,
  VFIO_IRQ_SUBTYPE_DMA_FAULT,
  VFIO_IRQ_TYPE_NESTED,
  VFIO_PCI_NUM_IRQS,
  VFIO_PCI_NUM_REGIONS,
  VFIO_REGION_INFO_CAP_TYPE,
  VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT,
  VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT_RESPONSE,
  VFIO_REGION_TYPE_NESTED,
  vfio_device_info,
  vfio_group_status,
  vfio_irq_info,
  vfio_irq_info_cap_type,
  vfio_region_info,
  vfio_region_info_cap_type,
} from "@faultline/shared/linux-uapi/vfio.ts";

/** Device-specific regions and the IRQ behind those that every vfio-pci device has: a client finds them by type. */
export const FAULT_REGION = VFIO_PCI_NUM_REGIONS;
const RESPONSE_REGION = FAULT_REGION + 1;
export const FAULT_IRQ = VFIO_PCI_NUM_IRQS;

/** What a host says of a group and of a device when it is asked (vfio-uapi.md, 5 and 6); null: no question of those. */
export function deviceInfo(cmd: number, arg: Uint8Array): { ret: number; arg: Uint8Array } | null {
  const out = arg.slice();
  switch (cmd) {
    case VFIO_GROUP_GET_STATUS:
      out.set(vfio_group_status.encode({ argsz: vfio_group_status.sizeBytes, flags: VFIO_GROUP_FLAGS_VIABLE }));
      break;
    case VFIO_DEVICE_GET_INFO:
      out.set(vfio_device_info.encode({ argsz: vfio_device_info.sizeBytes, num_regions: RESPONSE_REGION + 1, num_irqs: FAULT_IRQ + 1 }));
      break;
    case VFIO_DEVICE_GET_REGION_INFO:
      regionInfo(out);
      break;
    case VFIO_DEVICE_GET_IRQ_INFO:
      irqInfo(out);
      break;
    case VFIO_DEVICE_RESET:
      break;
    default:
      return null;
  }
  return { ret: 0, arg: out };
}

function regionInfo(out: Uint8Array): void {
  const cap_offset = vfio_region_info.sizeBytes;
  const index = Number(vfio_region_info.decode(out.slice(0, cap_offset)).index);
  if (index !== FAULT_REGION && index !== RESPONSE_REGION) return;
  const subtype = index === FAULT_REGION ? VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT : VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT_RESPONSE;
  out.set(vfio_region_info.encode({ argsz: out.length, index, cap_offset }));
  out.set(vfio_region_info_cap_type.encode({ id: VFIO_REGION_INFO_CAP_TYPE, version: 1, type: VFIO_REGION_TYPE_NESTED, subtype }), cap_offset);
}

function irqInfo(out: Uint8Array): void {
  const cap_offset = vfio_irq_info.sizeBytes;
  if (Number(vfio_irq_info.decode(out.slice(0, cap_offset)).index) !== FAULT_IRQ) return;
  out.set(vfio_irq_info.encode({ argsz: out.length, flags: VFIO_IRQ_INFO_EVENTFD, index: FAULT_IRQ, count: 1, cap_offset }));
  const type = { id: VFIO_IRQ_INFO_CAP_TYPE, version: 1, type: VFIO_IRQ_TYPE_NESTED, subtype: VFIO_IRQ_SUBTYPE_DMA_FAULT };
  out.set(vfio_irq_info_cap_type.encode(type), cap_offset);
}
