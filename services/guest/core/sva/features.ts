import { pci_enable_pri, pci_reset_pri } from "@faultline/shared/linux/pci-ats.ts";
import { iommu_register_device_fault_handler, iommu_unregister_device_fault_handler } from "@faultline/shared/linux/report-device-fault.ts";
import { EBUSY, EINVAL, ENODEV } from "@faultline/shared/linux-uapi/errno.ts";
import { EXTENDED_CAPABILITY } from "@faultline/shared/pcie/capabilities.ts";
import type { PciDevice } from "../device-driver/pci.ts";
import type { Endpoint } from "../virtio-iommu/endpoint.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";

/* IOMMU_DEV_FEAT_IOPF and _SVA (iommu-core.md, section 3). The host has PRI enabled already, so enabling IOPF only takes note (RR-19). */

/** Requests that the posted driver allows a function to have outstanding. */
const POSTED_REQUESTS = 4;

/** Runs a change of an endpoint's features: what it depends on is looked at under the lock, too. RR-18: it is not. RR-15: an error of IOPF leaves the lock taken. */
async function change(viommu: Viommu, body: () => Promise<number> | number, keepsLockOnError = false): Promise<number> {
  if (viommu.switches.has("RR-18")) return body();
  await viommu.featureLock.lock();
  const ret = await body();
  if (ret === 0 || !keepsLockOnError) viommu.featureLock.unlock();
  return ret;
}

/** -ENODEV: no recoverable faults; -EBUSY: already enabled. */
export async function enableIopf(viommu: Viommu, endpoint: Endpoint, pci: PciDevice): Promise<number> {
  if (!endpoint.properties.pageRequest) return -ENODEV;
  if (endpoint.iopfEnabled) return -EBUSY;
  return change(
    viommu,
    async () => {
      if (endpoint.iopfEnabled) return -EBUSY; // by another task meanwhile
      const ret = viommu.switches.has("RR-19") ? await enablePri(pci) : 0;
      if (ret === 0) endpoint.iopfEnabled = true;
      return ret;
    },
    viommu.switches.has("RR-15"),
  );
}

/** RR-19: as if the function were the guest's own. Writes are dropped on their way, and what it reads is the host's: Enable, and not Stopped. */
async function enablePri(pci: PciDevice): Promise<number> {
  const device = await pci.withExtendedCapabilities();
  if (device.extCap(EXTENDED_CAPABILITY.ATS) === null) return -ENODEV;
  return (await pci_reset_pri(device)) || pci_enable_pri(device, POSTED_REQUESTS);
}

/** -EINVAL: not enabled; -EBUSY: SVA still is. */
export function disableIopf(viommu: Viommu, endpoint: Endpoint): Promise<number> {
  return change(viommu, () => {
    if (!endpoint.iopfEnabled) return -EINVAL;
    if (endpoint.svaEnabled) return -EBUSY;
    endpoint.iopfEnabled = false;
    return 0;
  });
}

/** -ENODEV: no PASID table; -EBUSY: already enabled; -EINVAL: IOPF is supported and not enabled. */
export function enableSva(viommu: Viommu, endpoint: Endpoint): Promise<number> {
  return change(viommu, async () => {
    const tables = endpoint.properties.pasidTable !== null || viommu.switches.has("RR-21"); // RR-21: F_SVA and PASID bits are enough
    if (!tables || endpoint.properties.pasidBits === 0) return -ENODEV;
    if (endpoint.svaEnabled) return -EBUSY;
    if (endpoint.properties.pageRequest && !endpoint.iopfEnabled) return -EINVAL;
    if (endpoint.iopfEnabled) {
      const added = await viommu.iopf.iopf_queue_add_device(endpoint.iommu);
      if (added < 0) return added;
      const ret = await iommu_register_device_fault_handler(endpoint.iommu, (fault) => viommu.iopfOf(endpoint).iommu_queue_iopf(endpoint.iommu, fault));
      if (ret < 0) {
        await viommu.iopf.iopf_queue_remove_device(endpoint.iommu);
        return ret;
      }
    }
    endpoint.svaEnabled = true;
    return 0;
  });
}

/** -EINVAL: not enabled; -EBUSY: bonds are left (RR-17 switches the check off) or page requests wait for their response. */
export function disableSva(viommu: Viommu, endpoint: Endpoint): Promise<number> {
  return change(viommu, async () => {
    if (!endpoint.svaEnabled) return -EINVAL;
    if (endpoint.bonds.length > 0 && !viommu.switches.has("RR-17")) return -EBUSY;
    const ret = await iommu_unregister_device_fault_handler(endpoint.iommu);
    if (ret < 0 && !viommu.switches.has("RR-17")) return ret;
    await viommu.iopf.iopf_queue_remove_device(endpoint.iommu); // RR-30: it may be in another
    endpoint.svaEnabled = false;
    return 0;
  });
}
