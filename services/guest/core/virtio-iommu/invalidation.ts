import { hex } from "@faultline/shared/codec/uint64.ts";
import {
  VIRTIO_IOMMU_INV_T_DEV_IOTLB,
  VIRTIO_IOMMU_INV_T_IOTLB,
  VIRTIO_IOMMU_INVAL_F_ARCHID,
  VIRTIO_IOMMU_INVAL_G_PASID,
  VIRTIO_IOMMU_INVAL_G_VA,
  VIRTIO_IOMMU_T_INVALIDATE,
  virtio_iommu_req_invalidate,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { Domain } from "./attach.ts";
import type { Viommu } from "./viommu.ts";

const LOG2_PAGE = 12;

/** RR-28: the posted driver never asks for the ATC. */
const iotlbTypes = (viommu: Viommu) => (viommu.switches.has("RR-28") ? VIRTIO_IOMMU_INV_T_IOTLB : VIRTIO_IOMMU_INV_T_IOTLB | VIRTIO_IOMMU_INV_T_DEV_IOTLB);

/** RR-84: the posted helpers return nothing, so that whoever waits for a flush takes it as done. */
export const seenBy = (viommu: Viommu, ret: number): number => (viommu.switches.has("RR-84") ? 0 : ret);

/** TLB and ATC entries of [start, end) under an ASID: INVALIDATE G_VA. Resolves when the hardware has dropped them; 0 or -errno. `end` is exclusive. */
export async function viommu_flush_range(viommu: Viommu, domain: Domain, asid: number, start: number, end: number): Promise<number> {
  const pages = Math.ceil((end - start) / 2 ** LOG2_PAGE);
  const ret = await viommu.requests.send(
    virtio_iommu_req_invalidate.encode({
      type: VIRTIO_IOMMU_T_INVALIDATE,
      inv_gran: VIRTIO_IOMMU_INVAL_G_VA,
      inv_type: iotlbTypes(viommu),
      flags: VIRTIO_IOMMU_INVAL_F_ARCHID,
      domain: domain.id,
      archid: asid,
      virt_start: start,
      nr_pages: pages,
      granule: LOG2_PAGE,
    }),
  );
  viommu.tracer.emit("guest.invalidate", { domain: domain.id, asid, gva: hex(start) }, { granularity: "VA", pages, ret });
  return seenBy(viommu, ret);
}

/** Everything under an ASID: INVALIDATE G_PASID, by ASID. 0 or -errno. */
export async function viommu_flush_asid(viommu: Viommu, domain: Domain, asid: number): Promise<number> {
  const ret = await viommu.requests.send(
    virtio_iommu_req_invalidate.encode({
      type: VIRTIO_IOMMU_T_INVALIDATE,
      inv_gran: VIRTIO_IOMMU_INVAL_G_PASID,
      inv_type: iotlbTypes(viommu),
      flags: VIRTIO_IOMMU_INVAL_F_ARCHID,
      domain: domain.id,
      archid: asid,
    }),
  );
  viommu.tracer.emit("guest.invalidate", { domain: domain.id, asid }, { granularity: "ASID", ret });
  return seenBy(viommu, ret);
}
