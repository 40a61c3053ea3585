import { type HeldLocks, Mutex } from "../execution/mutex.ts";
import { EBUSY, EINVAL, ENODEV } from "../linux-uapi/errno.ts";
import {
  IOMMU_FAULT_PAGE_REQ,
  IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
  IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID,
  IOMMU_PAGE_RESP_PASID_VALID,
  IOMMU_PAGE_RESP_VERSION_1,
} from "../linux-uapi/iommu.ts";
import type { IopfQueue } from "./iopf-queue.ts";

/** The `prm` member of struct iommu_fault: one page request. `addr` in bytes, 64 bits. */
export interface PageRequestFault {
  type: typeof IOMMU_FAULT_PAGE_REQ;
  flags: number;
  pasid: number;
  grpid: number;
  perm: number;
  addr: bigint;
}
/** The `event` member: an unrecoverable fault. */
export interface UnrecoverableFault {
  type: 1;
  reason: number;
  flags: number;
  pasid: number;
  perm: number;
  addr: bigint;
  fetch_addr: bigint;
}
export type IommuFault = PageRequestFault | UnrecoverableFault;
/** struct iommu_page_response without argsz. */
export interface PageResponse {
  version: number;
  flags: number;
  pasid: number;
  grpid: number;
  code: number;
}

/** 0 or -errno. Runs under the device's IOMMU mutex. */
export type DeviceFaultHandler = (fault: IommuFault) => Promise<number> | number;

/** struct dev_iommu: what the IOMMU core keeps per device (drivers/iommu/iommu.c, v5.12). */
export class IommuDevice {
  readonly name: string;
  /** dev->iommu->lock. */
  readonly lock: Mutex;
  /** fault_param->lock: guards `pending`. */
  readonly faultLock: Mutex;
  handler: DeviceFaultHandler | null = null;
  /** Page requests with LAST_PAGE that wait for their response, oldest first. */
  pending: PageRequestFault[] = [];
  /** Where its page requests wait for their group (dev->iommu->iopf_param); null: SVA is not enabled. */
  iopfQueue: IopfQueue | null = null;
  /** ops->page_response of the device's domain; null: no domain or no such op. */
  pageResponse: ((fault: PageRequestFault, response: PageResponse) => Promise<number> | number) | null = null;

  constructor(name: string, locks: HeldLocks) {
    this.name = name;
    this.lock = new Mutex(`${name} iommu lock`, locks);
    this.faultLock = new Mutex(`${name} fault_param lock`, locks);
  }
}

/** -EBUSY: the device has a handler (IC-402). */
export async function iommu_register_device_fault_handler(device: IommuDevice, handler: DeviceFaultHandler): Promise<number> {
  return device.lock.with(() => {
    if (device.handler) return -EBUSY;
    device.handler = handler;
    return 0;
  });
}

/** 0 also without a handler (IC-404); -EBUSY while page requests wait for their response: the handler stays (IC-405). */
export async function iommu_unregister_device_fault_handler(device: IommuDevice): Promise<number> {
  return device.lock.with(() => {
    if (!device.handler) return 0;
    if (device.pending.length > 0) return -EBUSY;
    device.handler = null;
    return 0;
  });
}

/** Reports a fault to the device's handler; -EINVAL without one (IC-407), else the handler's result. After an error the reporter must complete the fault itself (IC-410). */
export async function iommu_report_device_fault(device: IommuDevice, fault: IommuFault): Promise<number> {
  return device.lock.with(async () => {
    const handler = device.handler;
    if (!handler) return -EINVAL;
    const last = fault.type === IOMMU_FAULT_PAGE_REQ && (fault.flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE) !== 0;
    const copy = last ? { ...(fault as PageRequestFault) } : null;
    if (copy) await device.faultLock.with(() => void device.pending.push(copy)); // IC-408: before the handler runs
    const ret = await handler(fault);
    if (ret < 0 && copy) {
      await device.faultLock.with(() => remove(device, copy));
    }
    return ret;
  });
}

/**
 * Completes the oldest pending page request that `response` matches. -ENODEV: no domain or no op; -EINVAL: no handler, unknown version or flag, or
 * no match (IC-412 to IC-419); else the driver's result, after which the entry is gone whatever it was (IC-420).
 */
export async function iommu_page_response(device: IommuDevice, response: PageResponse): Promise<number> {
  const op = device.pageResponse;
  if (!op) return -ENODEV;
  if (!device.handler) return -EINVAL;
  if (response.version !== IOMMU_PAGE_RESP_VERSION_1 || (response.flags & ~IOMMU_PAGE_RESP_PASID_VALID) !== 0) return -EINVAL;
  return device.faultLock.with(async () => {
    const hasPasid = (response.flags & IOMMU_PAGE_RESP_PASID_VALID) !== 0;
    for (const entry of device.pending) {
      if (entry.grpid !== response.grpid) continue;
      const needsPasid = (entry.flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID) !== 0;
      if (needsPasid && (!hasPasid || entry.pasid !== response.pasid)) continue; // IC-418
      const answer = !needsPasid && hasPasid ? { ...response, flags: 0, pasid: 0 } : response; // IC-417
      const ret = await op(entry, answer);
      remove(device, entry);
      return ret;
    }
    return -EINVAL;
  });
}

/** It may be gone already: a reset of the device closed its group meanwhile. */
function remove({ pending }: IommuDevice, entry: PageRequestFault): void {
  const at = pending.indexOf(entry);
  if (at >= 0) pending.splice(at, 1);
}

/** A reset of the device closed its groups: no response is owed for them any more. Returns the groups dropped. */
export async function iommu_drop_pending(device: IommuDevice): Promise<PageRequestFault[]> {
  return device.faultLock.with(() => {
    const dropped = device.pending;
    device.pending = [];
    return dropped;
  });
}
