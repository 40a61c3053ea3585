import {
  IOMMU_CACHE_INV_TYPE_IOTLB,
  IOMMU_CACHE_INV_TYPE_PASID,
  IOMMU_INV_ADDR_FLAGS_ARCHID,
  IOMMU_INV_ADDR_FLAGS_LEAF,
  IOMMU_INV_GRANU_ADDR,
  IOMMU_INV_GRANU_DOMAIN,
  IOMMU_INV_GRANU_PASID,
  IOMMU_INV_PASID_FLAGS_ARCHID,
  IOMMU_INV_PASID_FLAGS_PASID,
  iommu_inv_addr_info,
  iommu_inv_pasid_info,
} from "@faultline/shared/linux-uapi/iommu.ts";
import {
  VIRTIO_IOMMU_INV_T_DEV_IOTLB,
  VIRTIO_IOMMU_INV_T_PASID,
  VIRTIO_IOMMU_INVAL_F_ARCHID,
  VIRTIO_IOMMU_INVAL_F_LEAF,
  VIRTIO_IOMMU_INVAL_F_PASID,
  VIRTIO_IOMMU_INVAL_G_DOMAIN,
  VIRTIO_IOMMU_INVAL_G_PASID,
  VIRTIO_IOMMU_INVAL_G_VA,
  VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_RANGE,
  type virtio_iommu_req_invalidate,
} from "@faultline/shared/virtio/virtio-iommu.ts";

type Request = ReturnType<typeof virtio_iommu_req_invalidate.decode>;
/** One CACHE_INVALIDATE of the host. */
export interface HostInvalidation {
  cache: number;
  granularity: number;
  granu: Uint8Array;
}

/** The checks of the request itself, in order; null: it may go on (virtio-iommu.md, 6.5). */
export function invalidateRefused(r: Request): number | null {
  const gran = Number(r.inv_gran);
  const type = Number(r.inv_type);
  const flags = Number(r.flags);
  if (r.reserved1 || r.reserved2 || r.reserved3) return VIRTIO_IOMMU_S_INVAL;
  if (gran !== VIRTIO_IOMMU_INVAL_G_DOMAIN && gran !== VIRTIO_IOMMU_INVAL_G_PASID && gran !== VIRTIO_IOMMU_INVAL_G_VA) return VIRTIO_IOMMU_S_INVAL;
  if (type === 0 || type > 7 || flags > 7) return VIRTIO_IOMMU_S_INVAL;
  if (gran === VIRTIO_IOMMU_INVAL_G_PASID && type & VIRTIO_IOMMU_INV_T_PASID && !(flags & VIRTIO_IOMMU_INVAL_F_PASID)) return VIRTIO_IOMMU_S_INVAL;
  if (gran === VIRTIO_IOMMU_INVAL_G_DOMAIN && type & VIRTIO_IOMMU_INV_T_DEV_IOTLB) return VIRTIO_IOMMU_S_INVAL;
  if (gran === VIRTIO_IOMMU_INVAL_G_VA && type & VIRTIO_IOMMU_INV_T_PASID) return VIRTIO_IOMMU_S_INVAL;
  if (r.archid > 0xffffn) return VIRTIO_IOMMU_S_RANGE;
  if (gran === VIRTIO_IOMMU_INVAL_G_VA && (r.granule < 12n || r.granule > 42n || r.virt_start + (r.nr_pages << r.granule) > 1n << 64n)) return VIRTIO_IOMMU_S_RANGE;
  return null;
}

/** What is asked of the host: the table of virtio-iommu.md 6.5, PASID before IOTLB. Empty: nothing to do. */
export function hostInvalidations(r: Request): HostInvalidation[] {
  const gran = Number(r.inv_gran);
  const type = Number(r.inv_type);
  const flags = Number(r.flags);
  const calls: HostInvalidation[] = [];
  if (type & VIRTIO_IOMMU_INV_T_PASID) {
    // F_LEAF is dropped: the host's core refuses it for PASID granularity, and the host drops the L1 descriptor as well.
    if (gran === VIRTIO_IOMMU_INVAL_G_PASID) calls.push(byPasid(IOMMU_CACHE_INV_TYPE_PASID, { flags: IOMMU_INV_PASID_FLAGS_PASID, pasid: r.pasid }));
    else calls.push({ cache: IOMMU_CACHE_INV_TYPE_PASID, granularity: IOMMU_INV_GRANU_DOMAIN, granu: new Uint8Array(0) });
  }
  if ((type & ~VIRTIO_IOMMU_INV_T_PASID) === 0) return calls;
  const byArchid = (flags & VIRTIO_IOMMU_INVAL_F_ARCHID) !== 0;
  if (gran === VIRTIO_IOMMU_INVAL_G_PASID && byArchid) calls.push(byPasid(IOMMU_CACHE_INV_TYPE_IOTLB, { flags: IOMMU_INV_PASID_FLAGS_ARCHID, archid: r.archid }));
  else if (gran === VIRTIO_IOMMU_INVAL_G_VA && byArchid) {
    if (r.nr_pages === 0n) return calls;
    const leaf = flags & VIRTIO_IOMMU_INVAL_F_LEAF ? IOMMU_INV_ADDR_FLAGS_LEAF : 0;
    const granu = iommu_inv_addr_info.encode({
      flags: IOMMU_INV_ADDR_FLAGS_ARCHID | leaf,
      archid: r.archid,
      addr: r.virt_start,
      granule_size: 1n << r.granule,
      nb_granules: r.nr_pages,
    });
    calls.push({ cache: IOMMU_CACHE_INV_TYPE_IOTLB, granularity: IOMMU_INV_GRANU_ADDR, granu });
  } else calls.push({ cache: IOMMU_CACHE_INV_TYPE_IOTLB, granularity: IOMMU_INV_GRANU_DOMAIN, granu: new Uint8Array(0) });
  return calls;
}

const byPasid = (cache: number, fields: { flags: number; pasid?: bigint; archid?: bigint }): HostInvalidation => ({
  cache,
  granularity: IOMMU_INV_GRANU_PASID,
  granu: iommu_inv_pasid_info.encode(fields),
});
