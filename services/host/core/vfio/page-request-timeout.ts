import type { Execution } from "@faultline/shared/execution/execution.ts";
import type { IommuDevice, PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import { IOMMU_PAGE_RESP_INVALID, IOMMU_PAGE_RESP_PASID_VALID, IOMMU_PAGE_RESP_VERSION_1 } from "@faultline/shared/linux-uapi/iommu.ts";

const PATIENCE_NS = 500_000;

/** M-wait-for-response: a time-out of the host (iopf timeout v3) that forgets to take the request off the list. The function is told Invalid Request, and what the VMM says later as well. */
export function giveUp(execution: Execution, iommu: IommuDevice, { grpid, pasid }: PageRequestFault): void {
  execution.timer(PATIENCE_NS, () => {
    const pending = iommu.pending.find((other) => other.grpid === grpid && other.pasid === pasid);
    const response = { version: IOMMU_PAGE_RESP_VERSION_1, flags: IOMMU_PAGE_RESP_PASID_VALID, pasid, grpid, code: IOMMU_PAGE_RESP_INVALID };
    if (pending) execution.spawn("page request time-out", async () => void (await iommu.pageResponse?.(pending, response)));
  });
}
