/** Defects of the posted VMM side (spec/rfc-review.md) and mutants of our own protections, each off by default. */
export const defects = [
  {
    id: "RR-04",
    sentence: "The PASID towards the host is that of nobody: a response goes out without it although the host's request needs one.",
    source: "VSVA 01",
    where: "core/virtio-iommu/page-response.ts",
  },
  {
    id: "RR-66",
    sentence: "A page response goes to the function that comes first in the domain that PAGE_RESP names (rfc-v1), whichever asked.",
    source: "VSVA 10",
    where: "core/virtio-iommu/page-response.ts",
  },
  {
    id: "RR-81",
    sentence: "One container serves all functions of the VM: the PASID table of one domain is installed for all of them.",
    source: "VFIO13 01",
    where: "core/vmm.ts",
  },
  {
    id: "S34",
    sentence: "A page request that comes when no guest is there is dropped without an answer.",
    source: "S34",
    where: "core/virtio-iommu/page-request.ts",
  },
  {
    id: "M-match-response",
    sentence: "A PAGE_RESP goes to the host without a look at what is outstanding.",
    source: "our own protection (virtio-iommu.md, 6.6; S32)",
    where: "core/virtio-iommu/page-response.ts",
  },
  {
    id: "S48",
    sentence: "The domains and tables of a guest that is gone stay attached.",
    source: "S48, cloud-hypervisor#6298",
    where: "core/virtio-iommu/virtio-iommu.ts",
  },
  {
    id: "M-early-invalidate",
    sentence: "INVALIDATE completes before the host has invalidated: the guest frees pages that are still reachable.",
    source: "our own protection",
    where: "core/virtio-iommu/request-queue.ts",
  },
  {
    id: "M-answer-at-reset",
    sentence: "A device reset leaves the outstanding page request groups unanswered.",
    source: "our own protection",
    where: "core/virtio-iommu/virtio-iommu.ts",
  },
  {
    id: "M-stale-groups",
    sentence: "Groups stay outstanding over a reset of their function: a late answer completes a group of after the reset.",
    source: "our own protection",
    where: "core/vmm.ts",
  },
  {
    id: "M-drain-ring",
    sentence: "INVALIDATE of a PASID completes while page requests of before it are still in the fault ring.",
    source: "our own protection (IC-1105)",
    where: "core/virtio-iommu/request-queue.ts",
  },
  {
    id: "M-match-outstanding",
    sentence: "A PAGE_RESP is compared with the oldest outstanding group of its endpoint alone: one for another is refused.",
    source: "our own protection (virtio-iommu.md, 6.6)",
    where: "core/virtio-iommu/page-response.ts",
  },
  {
    id: "M-compare-tail",
    sentence: "A signal that finds the fault ring empty has its newest record relayed once more.",
    source: "our own protection (vfio-uapi.md, 5)",
    where: "core/vfio/fault-relay.ts",
  },
  {
    id: "M-room-for-events",
    sentence: "A used element or an interrupt that finds no room on its way to the guest is lost.",
    source: "our own protection (design.md, section 2)",
    where: "core/virtqueue/guest-edge.ts",
  },
  {
    id: "M-room-for-responses",
    sentence: "A page response that finds no room on its way to the host is lost.",
    source: "our own protection (design.md, section 2)",
    where: "core/vfio/dma-fault-response-region.ts",
  },
  {
    id: "M-slot-event",
    sentence: "The guest is not told that a function was pulled out.",
    source: "our own protection (PCIe 6.7.3)",
    where: "core/vmm.ts",
  },
  {
    id: "M-drain-records",
    sentence: "The fault relay takes one record per signal.",
    source: "our own protection (vfio-uapi.md, 5)",
    where: "core/vfio/fault-relay.ts",
  },
] as const;
export type VmmDefect = (typeof defects)[number]["id"];
