import type { MmuNotifier } from "@faultline/shared/linux/mmu-notifier.ts";
import type { Mm } from "../mm/mm.ts";
import type { Domain } from "../virtio-iommu/attach.ts";
import type { Endpoint } from "../virtio-iommu/endpoint.ts";

/** One (device, mm) pair: struct iommu_sva. */
export interface Bond {
  readonly endpoint: Endpoint;
  readonly mm: Mm;
  readonly domain: Domain;
  readonly pasid: number;
  readonly notifier: MmuNotifier;
  references: number;
  /** The mm's exit made the CD quiet and flushed the caches already. */
  cleared: boolean;
}
