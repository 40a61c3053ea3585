import type { Execution } from "../execution/execution.ts";
import { Mutex } from "../execution/mutex.ts";
import { EBUSY, EINVAL, ENODEV, EOPNOTSUPP } from "../linux-uapi/errno.ts";
import {
  IOMMU_FAULT_PAGE_REQ,
  IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE,
  IOMMU_FAULT_PAGE_REQUEST_PASID_VALID,
  IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID,
  IOMMU_PAGE_RESP_PASID_VALID,
  IOMMU_PAGE_RESP_SUCCESS,
  IOMMU_PAGE_RESP_VERSION_1,
} from "../linux-uapi/iommu.ts";
import { type IommuDevice, type IommuFault, iommu_page_response, type PageRequestFault } from "./report-device-fault.ts";

export interface IopfPorts {
  execution: Execution;
  /** Resolves one fault against the mm of its PASID: IOMMU_PAGE_RESP_SUCCESS or _INVALID (iommu-core.md, section 6). */
  handleSingle(device: IommuDevice, fault: PageRequestFault): Promise<number>;
  /** Called with the result of iommu_page_response, which nobody else looks at. */
  responded?(device: IommuDevice, last: PageRequestFault, code: number, ret: number): void;
  /** RR-75: partial faults are matched by group id alone, so that one index used for two PASIDs merges their groups. */
  ignorePasid?: boolean;
  /** S23: a partial fault is kept and then handled as if it were its whole group. */
  handlesPartial?: boolean;
}

/** I/O page fault queue (drivers/iommu/io-pgfault.c, v14 of the series): partial faults wait for the last one, whole groups are work items that run in parallel. */
export class IopfQueue {
  readonly name: string;
  readonly #ports: IopfPorts;
  /** Per device the faults of groups whose last one has not come. */
  readonly #partial = new Map<IommuDevice, PageRequestFault[]>();
  /** Work items that have not ended. */
  readonly #queued = new Set<Promise<void>>();
  readonly #lock: Mutex;

  constructor(name: string, ports: IopfPorts) {
    this.name = name;
    this.#ports = ports;
    this.#lock = new Mutex(`${name} iopf queue lock`, ports.execution.locks);
  }

  /** -EBUSY: the device is in a queue (IC-502). */
  iopf_queue_add_device(device: IommuDevice): Promise<number> {
    return this.#lock.with(() => {
      if (device.iopfQueue) return -EBUSY;
      device.iopfQueue = this;
      this.#partial.set(device, []);
      return 0;
    });
  }

  /** Leftover partial faults go with the device; -EINVAL: not in this queue (IC-503). */
  iopf_queue_remove_device(device: IommuDevice): Promise<number> {
    return this.#lock.with(() => {
      if (device.iopfQueue !== this) return -EINVAL;
      device.iopfQueue = null;
      this.#partial.delete(device);
      return 0;
    });
  }

  /** The device's fault handler. -EOPNOTSUPP: no page request; -ENODEV: not in the queue; 0: kept, or its group is queued (IC-506 to IC-509). */
  iommu_queue_iopf(device: IommuDevice, fault: IommuFault): number {
    if (fault.type !== IOMMU_FAULT_PAGE_REQ) return -EOPNOTSUPP;
    const partial = this.#partial.get(device);
    if (!partial) return -ENODEV;
    if ((fault.flags & IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE) === 0) {
      partial.push(fault);
      if (this.#ports.handlesPartial === true) this.#queueGroup(device, [fault]);
      return 0;
    }
    if (partial.length === 0) {
      this.#queueGroup(device, [fault]);
      return 0;
    }
    const belongs = (other: PageRequestFault) => other.grpid === fault.grpid && (this.#ports.ignorePasid === true || samePasid(other, fault));
    const group = [...partial.filter(belongs), fault];
    this.#partial.set(
      device,
      partial.filter((other) => !belongs(other)),
    );
    this.#queueGroup(device, group);
    return 0;
  }

  #queueGroup(device: IommuDevice, group: PageRequestFault[]): void {
    let ended = () => {};
    const item = new Promise<void>((resolve) => (ended = resolve));
    this.#queued.add(item);
    this.#ports.execution.spawn(`${this.name} group ${group[0].grpid}`, async () => {
      try {
        await this.#handleGroup(device, group);
      } finally {
        this.#queued.delete(item);
        ended();
      }
    });
  }

  /** Waits until everything that is queued now, of all devices, has run; partial faults are not looked at (IC-515). */
  async iopf_queue_flush_dev(device: IommuDevice): Promise<number> {
    if (!this.#partial.has(device)) return -ENODEV;
    await Promise.all(this.#queued);
    return 0;
  }

  /** After a queue overflow, whose lost last requests would leave them for ever (IC-517); with `device`, after its reset. */
  iopf_queue_discard_partial(device?: IommuDevice): number {
    for (const one of device ? [device] : [...this.#partial.keys()]) if (this.#partial.has(one)) this.#partial.set(one, []);
    return 0;
  }

  /** What a PASID leaves behind when its last request was lost: else the next owner of the PASID would find it in a group of its own. Number of faults dropped. */
  iopf_queue_discard_pasid(device: IommuDevice, pasid: number): number {
    const partial = this.#partial.get(device) ?? [];
    const kept = partial.filter((fault) => (fault.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) === 0 || fault.pasid !== pasid);
    if (kept.length < partial.length) this.#partial.set(device, kept);
    return partial.length - kept.length;
  }

  partialCount(device: IommuDevice): number {
    return this.#partial.get(device)?.length ?? 0;
  }

  /** Groups whose work item has not ended. */
  get queuedCount(): number {
    return this.#queued.size;
  }

  /** In arrival order, the rest skipped after the first that fails; one response, made of the last fault (IC-512, IC-513). */
  async #handleGroup(device: IommuDevice, group: PageRequestFault[]): Promise<void> {
    let code: number = IOMMU_PAGE_RESP_SUCCESS;
    for (const fault of group) {
      code = await this.#ports.handleSingle(device, fault);
      if (code !== IOMMU_PAGE_RESP_SUCCESS) break;
    }
    const last = group[group.length - 1];
    const needsPasid = (last.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) !== 0 && (last.flags & IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID) !== 0;
    const flags = needsPasid ? IOMMU_PAGE_RESP_PASID_VALID : 0;
    const ret = await iommu_page_response(device, { version: IOMMU_PAGE_RESP_VERSION_1, flags, pasid: last.pasid, grpid: last.grpid, code });
    this.#ports.responded?.(device, last, code, ret);
  }
}

function samePasid(one: PageRequestFault, other: PageRequestFault): boolean {
  const valid = (fault: PageRequestFault) => (fault.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) !== 0;
  return valid(one) === valid(other) && (!valid(one) || one.pasid === other.pasid);
}
