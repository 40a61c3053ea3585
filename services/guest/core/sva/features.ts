import { iommu_register_device_fault_handler, iommu_unregister_device_fault_handler } from "@faultline/shared/linux/report-device-fault.ts";
import { EBUSY, EINVAL, ENODEV } from "@faultline/shared/linux-uapi/errno.ts";
import type { Endpoint } from "../virtio-iommu/endpoint.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";

/* IOMMU_DEV_FEAT_IOPF and _SVA (iommu-core.md, section 3). The host has PRI enabled already, so enabling IOPF only takes note (RR-19 fixed). */

/** -ENODEV: no recoverable faults; -EBUSY: already enabled. */
export function enableIopf(endpoint: Endpoint): number {
  if (!endpoint.properties.pageRequest) return -ENODEV;
  if (endpoint.iopfEnabled) return -EBUSY;
  endpoint.iopfEnabled = true;
  return 0;
}

/** -EINVAL: not enabled; -EBUSY: SVA still is. */
export function disableIopf(endpoint: Endpoint): number {
  if (!endpoint.iopfEnabled) return -EINVAL;
  if (endpoint.svaEnabled) return -EBUSY;
  endpoint.iopfEnabled = false;
  return 0;
}

/** -ENODEV: no PASID table; -EBUSY: already enabled; -EINVAL: IOPF is supported and not enabled. */
export async function enableSva(viommu: Viommu, endpoint: Endpoint): Promise<number> {
  const tables = endpoint.properties.pasidTable !== null || viommu.switches.has("RR-21"); // RR-21: F_SVA and PASID bits are enough
  if (!tables || endpoint.properties.pasidBits === 0) return -ENODEV;
  if (endpoint.svaEnabled) return -EBUSY;
  if (endpoint.properties.pageRequest && !endpoint.iopfEnabled) return -EINVAL;
  if (endpoint.iopfEnabled) {
    const added = await viommu.iopf.iopf_queue_add_device(endpoint.iommu);
    if (added < 0) return added;
    const ret = await iommu_register_device_fault_handler(endpoint.iommu, (fault) => viommu.iopf.iommu_queue_iopf(endpoint.iommu, fault));
    if (ret < 0) {
      await viommu.iopf.iopf_queue_remove_device(endpoint.iommu);
      return ret;
    }
  }
  endpoint.svaEnabled = true;
  return 0;
}

/** -EINVAL: not enabled; -EBUSY: bonds are left (RR-17 switches the check off) or page requests wait for their response. */
export async function disableSva(viommu: Viommu, endpoint: Endpoint): Promise<number> {
  if (!endpoint.svaEnabled) return -EINVAL;
  if (endpoint.bonds.length > 0 && !viommu.switches.has("RR-17")) return -EBUSY;
  const ret = await iommu_unregister_device_fault_handler(endpoint.iommu);
  if (ret < 0 && !viommu.switches.has("RR-17")) return ret;
  await viommu.iopf.iopf_queue_remove_device(endpoint.iommu);
  endpoint.svaEnabled = false;
  return 0;
}
