import type { PasidAllocator } from "@faultline/shared/linux/pasid-allocator.ts";
import type { PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import {
  IOMMU_FAULT_PAGE_REQUEST_PASID_VALID,
  IOMMU_FAULT_PERM_EXEC,
  IOMMU_FAULT_PERM_READ,
  IOMMU_FAULT_PERM_WRITE,
  IOMMU_PAGE_RESP_INVALID,
  IOMMU_PAGE_RESP_SUCCESS,
} from "@faultline/shared/linux-uapi/iommu.ts";
import { handle_mm_fault, VM_FAULT_OOM } from "../mm/handle-mm-fault.ts";
import type { Mm } from "../mm/mm.ts";
import { mmput } from "../mm/munmap.ts";
import { findVma, type Vma } from "../mm/vma.ts";

/** Why a fault was answered as it was, beside the response code. */
export type FaultResult = "success" | "no-pasid" | "unknown-pasid" | "dying-mm" | "no-vma" | "permission" | "oom" | "sigbus";
export interface FaultOutcome {
  code: number;
  result: FaultResult;
  vma: Vma | null;
  mm: Mm | null;
}

/** Resolves one page request against the mm of its PASID. The order of checks is that of iommu-core.md, section 6 (IC-601 to IC-612); FAILURE is never produced here. */
export async function iopf_handle_single(pasids: PasidAllocator<Mm>, fault: PageRequestFault): Promise<FaultOutcome> {
  const invalid = (result: FaultResult, mm: Mm | null = null, vma: Vma | null = null): FaultOutcome => ({ code: IOMMU_PAGE_RESP_INVALID, result, vma, mm });
  if ((fault.flags & IOMMU_FAULT_PAGE_REQUEST_PASID_VALID) === 0) return invalid("no-pasid"); // IC-601
  const mm = pasids.iommu_sva_find(fault.pasid); // IC-602
  if (typeof mm === "number") return invalid("unknown-pasid");
  if (mm === null) return invalid("dying-mm");
  const address = Number(fault.addr);
  const outcome = await mm.mmap_lock.with(async () => {
    const vma = findVma(mm.vmas, address);
    if (!vma) return mm.ports.switches.has("M-check-vma") ? { ...invalid("no-vma", mm), code: IOMMU_PAGE_RESP_SUCCESS } : invalid("no-vma", mm); // IC-603
    const wants = (permission: number) => (fault.perm & permission) !== 0;
    const missing =
      (wants(IOMMU_FAULT_PERM_READ) && !vma.prot.read) || (wants(IOMMU_FAULT_PERM_WRITE) && !vma.prot.write) || (wants(IOMMU_FAULT_PERM_EXEC) && !vma.prot.exec);
    if (missing) return invalid("permission", mm, vma); // IC-604; IC-605: none asked for passes as a read
    const failed = await handle_mm_fault(mm, vma, address, { write: wants(IOMMU_FAULT_PERM_WRITE) });
    if (failed) return invalid(failed === VM_FAULT_OOM ? "oom" : "sigbus", mm, vma); // IC-607
    return { code: IOMMU_PAGE_RESP_SUCCESS, result: "success" as const, vma, mm }; // IC-608
  });
  await mmput(mm); // the reference of iommu_sva_find
  return outcome;
}
