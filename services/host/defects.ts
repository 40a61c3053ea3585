/** Defects of the posted host code (spec/rfc-review.md), each off by default and placed where the posted code has it. */
export const defects = [
  { id: "RR-51", sentence: "SET_PASID_TABLE refuses a table with more than one context descriptor.", source: "IOMMU15 05", where: "core/vfio/pasid-table.ts" },
  {
    id: "RR-52",
    sentence: "CACHE_INVALIDATE refuses the PASID cache type and F_PASID: changes of context descriptors are never propagated.",
    source: "NESTED 12 x IOMMU15 07",
    where: "core/vfio/cache-invalidate.ts",
  },
  {
    id: "RR-53",
    sentence: "The PRI queue thread answers every page request with Response Failure and reports none.",
    source: "mainline, STALL",
    where: "core/arm-smmu-v3/pri-queue-thread.ts",
  },
  {
    id: "RR-54",
    sentence: "Domain-granularity invalidation drops the entries of all VMs and no ATC entry.",
    source: "IOMMU15 07",
    where: "core/vfio/cache-invalidate.ts",
  },
  { id: "RR-62", sentence: "Closing a device with pending page requests leaves the fault handler registered.", source: "VFIO13 05", where: "core/vfio/device.ts" },
  { id: "RR-76", sentence: "STE.S1DSS is SSID0 whatever the guest asks.", source: "IOMMU15 05", where: "core/vfio/pasid-table.ts" },
  {
    id: "RR-87",
    sentence: "A report that fails is answered through a null event: the PRI queue thread stops there.",
    source: "PRI8",
    where: "core/arm-smmu-v3/pri-queue-thread.ts",
  },
  {
    id: "RR-88",
    sentence: "A last request without R and W is dropped as a stop marker even when it has no PASID.",
    source: "PRI8",
    where: "core/arm-smmu-v3/pri-queue-thread.ts",
  },
  { id: "RR-89", sentence: "Nobody enables PRI for an assigned function.", source: "PRI8, VFIO13", where: "core/vfio/device.ts" },
  {
    id: "RR-93",
    sentence: "CFGI_CD for one PASID is leaf-only: a cached invalid level-1 descriptor survives.",
    source: "v13 15/15",
    where: "core/vfio/cache-invalidate.ts",
  },
  {
    id: "M-discard-partial",
    sentence: "An overflow of the PRI queue leaves the first requests of groups whose last one was refused: they join the next group of that index.",
    source: "our own protection (IC-1016, S22)",
    where: "core/arm-smmu-v3/pri-queue-thread.ts",
  },
  {
    id: "M-drain-priq",
    sentence: "CACHE_INVALIDATE of a PASID returns while page requests of before it are still in the PRI queue.",
    source: "our own protection (IC-1105)",
    where: "core/vfio/cache-invalidate.ts",
  },
  {
    id: "M-invalidate-before-unpin",
    sentence: "UNMAP_DMA unpins pages before TLBs and ATCs have let go of them.",
    source: "our own protection",
    where: "core/vfio/iommu-type1.ts",
  },
] as const;
export type HostDefect = (typeof defects)[number]["id"];
