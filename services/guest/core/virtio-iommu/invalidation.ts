import { hex } from "@faultline/shared/codec/uint64.ts";
import type { TraceFields, TraceIds } from "@faultline/shared/trace/tracer.ts";
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

type Operands = Partial<Parameters<typeof virtio_iommu_req_invalidate.encode>[0]> & { inv_type: number };

/** INVALIDATE, between its two events; `named` is what it invalidates. 0 or -errno. */
export async function invalidate(viommu: Viommu, domain: Domain, operands: Operands, named: TraceIds, fields: TraceFields): Promise<number> {
  const { tracer, requests } = viommu;
  const ids = { domain: domain.id, ...named };
  const cause = tracer.emit("guest.invalidate-request", ids, { ...fields, types: operands.inv_type });
  const ret = await requests.send(virtio_iommu_req_invalidate.encode({ type: VIRTIO_IOMMU_T_INVALIDATE, domain: domain.id, ...operands }));
  tracer.emit("guest.invalidate", ids, { ...fields, ret }, cause);
  return ret;
}

/** TLB and ATC entries of [start, end) under an ASID: INVALIDATE G_VA. Resolves when the hardware has dropped them; 0 or -errno. `end` is exclusive. */
export async function viommu_flush_range(viommu: Viommu, domain: Domain, asid: number, start: number, end: number): Promise<number> {
  const pages = Math.ceil((end - start) / 2 ** LOG2_PAGE);
  const operands = {
    inv_gran: VIRTIO_IOMMU_INVAL_G_VA,
    inv_type: iotlbTypes(viommu),
    flags: VIRTIO_IOMMU_INVAL_F_ARCHID,
    archid: asid,
    virt_start: start,
    nr_pages: pages,
    granule: LOG2_PAGE,
  };
  const ret = await invalidate(viommu, domain, operands, { asid, gva: hex(start) }, { granularity: "VA", pages });
  return seenBy(viommu, ret);
}

/** Everything under an ASID: INVALIDATE G_PASID, by ASID. 0 or -errno. */
export async function viommu_flush_asid(viommu: Viommu, domain: Domain, asid: number): Promise<number> {
  const operands = { inv_gran: VIRTIO_IOMMU_INVAL_G_PASID, inv_type: iotlbTypes(viommu), flags: VIRTIO_IOMMU_INVAL_F_ARCHID, archid: asid };
  const ret = await invalidate(viommu, domain, operands, { asid }, { granularity: "ASID" });
  return seenBy(viommu, ret);
}
