/** Defects of the posted guest code (spec/rfc-review.md) and mutants of our own protections, each off by default. */
export const defects = [
  {
    id: "RR-09",
    sentence: "One work item and one fault pointer serve all page requests: a second event overwrites the first.",
    source: "VSVA 03",
    where: "core/virtio-iommu/event-queue.ts",
  },
  {
    id: "RR-12",
    sentence: "The group id is copied only when the PASID is valid: every request without PASID is group 0.",
    source: "VSVA 03",
    where: "core/virtio-iommu/fault-report.ts",
  },
  { id: "RR-13", sentence: "A page request that cannot be reported is never answered.", source: "VSVA 03", where: "core/virtio-iommu/fault-report.ts" },
  { id: "RR-17", sentence: "SVA can be disabled with live bonds and pending page requests.", source: "VSVA 05, 09", where: "core/sva/features.ts" },
  {
    id: "RR-26",
    sentence: "The notifier has no invalidate_range and no release: unmapped pages stay reachable for the device.",
    source: "VSVA 09",
    where: "core/sva/bind.ts",
  },
  { id: "RR-28", sentence: "INVALIDATE never asks for the device's ATC.", source: "NESTED 12, VSVA 09", where: "core/virtio-iommu/invalidation.ts" },
  { id: "RR-29", sentence: "Unbind does not wait for the answers of groups that were seen for the PASID.", source: "VSVA 09", where: "core/sva/drain.ts" },
  { id: "RR-75", sentence: "Partial faults are matched by group id alone.", source: "IOPF", where: "shared/linux/iopf-queue.ts" },
  { id: "RR-82", sentence: "INVALIDATE is sent for a domain that the device does not know yet.", source: "NESTED 13", where: "core/virtio-iommu/pasid-table-sync.ts" },
  {
    id: "RR-83",
    sentence: "Requests are sent one at a time under the request lock, PAGE_RESP also under the pending-list mutex.",
    source: "virtio-iommu.c, VSVA 11",
    where: "core/virtio-iommu/request-queue.ts",
  },
  {
    id: "RR-84",
    sentence: "Failures of INVALIDATE are swallowed: bind, unbind and unmap go on as if caches had let go.",
    source: "NESTED 12, VSVA 09",
    where: "core/virtio-iommu/invalidation.ts",
  },
  {
    id: "S23",
    sentence: "A request that is not the last of its group is kept, and handled as if it were the whole group.",
    source: "S23, CVE-2024-44994",
    where: "shared/linux/iopf-queue.ts",
  },
  {
    id: "S30",
    sentence: "An exit gives the PASID of its address space away although a bond still has it.",
    source: "S30, iommu-list a2f294ebc",
    where: "core/sva/bind.ts",
  },
  {
    id: "M-unlock-on-error",
    sentence: "A bind that fails leaves the group mutex locked, as the posted code leaves the IOPF mutex (RR-15).",
    source: "our own protection",
    where: "core/sva/bind.ts",
  },
  {
    id: "M-stop-pasid",
    sentence: "Closing a queue leaves it running: nobody stops the PASID at the device before it is unbound.",
    source: "our own protection (IC-108)",
    where: "core/device-driver/accelerator.ts",
  },
  {
    id: "M-drain-on-unbind",
    sentence: "Unbind waits for nothing: faults of the PASID may be anywhere on their way when it is given again.",
    source: "our own protection (IC-1105)",
    where: "core/sva/drain.ts",
  },
  {
    id: "M-invalidate-before-free",
    sentence: "Frames and page tables are freed before TLBs and ATCs have let go of them.",
    source: "our own protection",
    where: "core/mm/munmap.ts",
  },
  {
    id: "M-no-job-timeout",
    sentence: "The device driver waits for ever for a job instead of resetting the function.",
    source: "our own protection",
    where: "core/device-driver/job.ts",
  },
] as const;
export type GuestDefect = (typeof defects)[number]["id"];
