import { VIRTIO_IOMMU_INV_T_PASID, VIRTIO_IOMMU_INVAL_F_LEAF, VIRTIO_IOMMU_INVAL_F_PASID, VIRTIO_IOMMU_INVAL_G_PASID } from "@faultline/shared/virtio/virtio-iommu.ts";
import type { Domain } from "./attach.ts";
import { invalidate, seenBy } from "./invalidation.ts";
import type { Viommu } from "./viommu.ts";

/** CFGI_CD and CMD_SYNC of the CD library become INVALIDATE T_PASID (IC-810). `leaf` false: a level-1 descriptor changed. 0 or -errno. */
export async function viommu_sync_pasid(viommu: Viommu, domain: Domain, pasid: number, leaf: boolean): Promise<number> {
  // RR-82: before ATTACH_TABLE the device does not know the domain, and nothing of its table can be cached.
  if (!domain.attached && !viommu.switches.has("RR-82")) return 0;
  const operands = {
    inv_gran: VIRTIO_IOMMU_INVAL_G_PASID,
    inv_type: VIRTIO_IOMMU_INV_T_PASID,
    flags: VIRTIO_IOMMU_INVAL_F_PASID | (leaf ? VIRTIO_IOMMU_INVAL_F_LEAF : 0),
    pasid,
  };
  const ret = await invalidate(viommu, domain, operands, { pasid }, { granularity: "PASID", leaf });
  return domain.attached ? seenBy(viommu, ret) : 0; // RR-82: only logged
}
