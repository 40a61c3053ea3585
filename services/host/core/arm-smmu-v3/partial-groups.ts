import type { PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import { IOMMU_FAULT_PAGE_REQUEST_PASID_VALID } from "@faultline/shared/linux-uapi/iommu.ts";

const pasidOf = ({ flags, pasid }: PageRequestFault): number | null => (flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID ? pasid : null);

const NONE: readonly PageRequestFault[] = [];

/**
 * Page requests whose group's last one has not come out of the PRI queue. They are reported with it: what an overflow cut off never leaves the host, where alone it is known
 * that the last one was refused (flow.md, d; IC-1016). A guest would find them in its next group of that index (IC-518).
 */
export class PartialGroups {
  #waiting: { sid: number; fault: PageRequestFault }[] = [];
  /** S33: groups are told apart by their index alone, whoever sent them. */
  readonly #byIndexAlone: boolean;

  constructor(byIndexAlone = false) {
    this.#byIndexAlone = byIndexAlone;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(sid: number, fault: PageRequestFault): void {
    this.#waiting.push({ sid, fault });
  }

  /** The group that `last` ends, in order of arrival, without `last`. */
  take(sid: number, last: PageRequestFault): readonly PageRequestFault[] {
    if (this.#waiting.length === 0) return NONE;
    const belongs = (one: { sid: number; fault: PageRequestFault }) =>
      one.fault.grpid === last.grpid && (this.#byIndexAlone || (one.sid === sid && pasidOf(one.fault) === pasidOf(last)));
    const group = this.#waiting.filter(belongs).map(({ fault }) => fault);
    if (group.length > 0) this.#waiting = this.#waiting.filter((one) => !belongs(one));
    return group;
  }

  /** Of one function, of one PASID of it, or all. Number of requests dropped. */
  discard(sid?: number, pasid?: number): number {
    const before = this.#waiting.length;
    this.#waiting = this.#waiting.filter((one) => (sid !== undefined && one.sid !== sid) || (pasid !== undefined && pasidOf(one.fault) !== pasid));
    return before - this.#waiting.length;
  }
}
