import type { Fields } from "@faultline/shared/codec/bit-struct.ts";
import {
  VIRTIO_IOMMU_MAP_F_MMIO,
  VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_NOENT,
  VIRTIO_IOMMU_S_NOMEM,
  VIRTIO_IOMMU_S_OK,
  VIRTIO_IOMMU_S_RANGE,
  type virtio_iommu_req_map,
  type virtio_iommu_req_unmap,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import type { Attachments } from "./attach.ts";
import type { Endpoint } from "./endpoint.ts";
import { inDomainRange, type VirtioIommuOptions } from "./options.ts";
import { statusOf } from "./status.ts";

const ALL_FLAGS = 7n;
/** As many as the host's dma_entry_limit. */
const MAX_MAPPINGS = 65535;

/** `granule` in bytes; `reservedRegions` as PROBE reports them; `mmio`: F_MMIO is negotiated. */
export interface MapLimits extends Pick<VirtioIommuOptions, "inputRange" | "domainRange" | "reservedRegions"> {
  granule: bigint;
  mmio: boolean;
}

/** MAP (virtio-iommu.md, 5.3): in every endpoint of the domain or in none. A status. */
export async function map(attachments: Attachments, r: Fields<typeof virtio_iommu_req_map.layout>, limits: MapLimits): Promise<number> {
  if (r.flags > ALL_FLAGS || (Number(r.flags) & VIRTIO_IOMMU_MAP_F_MMIO && !limits.mmio)) return VIRTIO_IOMMU_S_INVAL;
  if (!inDomainRange(limits.domainRange, r.domain)) return VIRTIO_IOMMU_S_RANGE;
  const domain = attachments.domains.get(Number(r.domain));
  if (!domain) return VIRTIO_IOMMU_S_NOENT;
  if (domain.kind !== "map") return VIRTIO_IOMMU_S_INVAL;
  if (r.virt_end <= r.virt_start || r.virt_start < limits.inputRange.start || r.virt_end > limits.inputRange.end) return VIRTIO_IOMMU_S_RANGE;
  if (r.virt_start % limits.granule || r.phys_start % limits.granule || (r.virt_end + 1n) % limits.granule || r.phys_start + (r.virt_end - r.virt_start) >= 1n << 64n)
    return VIRTIO_IOMMU_S_RANGE;
  if (domain.mappings.some((m) => m.virtStart <= r.virt_end && r.virt_start <= m.virtEnd)) return VIRTIO_IOMMU_S_INVAL;
  if (limits.reservedRegions.some(({ start, end }) => start <= r.virt_end && r.virt_start <= end)) return VIRTIO_IOMMU_S_INVAL; // VI-D-42
  if (domain.mappings.length >= MAX_MAPPINGS) return VIRTIO_IOMMU_S_NOMEM;
  const mapping = { virtStart: r.virt_start, virtEnd: r.virt_end, physStart: r.phys_start, flags: Number(r.flags) };
  const done: Endpoint[] = [];
  for (const endpoint of domain.endpoints) {
    const ret = await attachments.mapOne(endpoint, mapping);
    if (ret < 0) {
      for (const undo of done) await attachments.unmapOne(undo, mapping);
      return statusOf(ret);
    }
    done.push(endpoint);
  }
  domain.mappings.push(mapping);
  return VIRTIO_IOMMU_S_OK;
}

/** UNMAP (5.4): every mapping that lies wholly in the range; RANGE and nothing removed when one would be split (VI-D-46). */
export async function unmap(
  attachments: Attachments,
  r: Fields<typeof virtio_iommu_req_unmap.layout>,
  { domainRange }: Pick<VirtioIommuOptions, "domainRange">,
): Promise<number> {
  if (r.reserved !== 0n) return VIRTIO_IOMMU_S_INVAL;
  if (!inDomainRange(domainRange, r.domain)) return VIRTIO_IOMMU_S_RANGE;
  const domain = attachments.domains.get(Number(r.domain));
  if (!domain) return VIRTIO_IOMMU_S_NOENT;
  if (domain.kind !== "map") return VIRTIO_IOMMU_S_INVAL;
  if (r.virt_end < r.virt_start) return VIRTIO_IOMMU_S_RANGE;
  const touched = domain.mappings.filter((m) => m.virtStart <= r.virt_end && r.virt_start <= m.virtEnd);
  if (touched.some((m) => m.virtStart < r.virt_start || m.virtEnd > r.virt_end)) return VIRTIO_IOMMU_S_RANGE;
  for (const mapping of touched) {
    for (const endpoint of domain.endpoints) {
      const ret = await attachments.unmapOne(endpoint, mapping);
      if (ret < 0) return statusOf(ret);
    }
    domain.mappings.splice(domain.mappings.indexOf(mapping), 1);
  }
  return VIRTIO_IOMMU_S_OK;
}
