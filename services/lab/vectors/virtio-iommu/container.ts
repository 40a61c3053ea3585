import { EEXIST, EINVAL, ENOENT } from "@faultline/shared/linux-uapi/errno.ts";
import { IOMMU_FAULT_REASON, IOMMU_PASID_CONFIG_ABORT, IOMMU_PASID_CONFIG_BYPASS, iommu_pasid_table_config } from "@faultline/shared/linux-uapi/iommu.ts";
import {
  VFIO_API_VERSION,
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
  VFIO_GET_API_VERSION,
  VFIO_IOMMU_CACHE_INVALIDATE,
  VFIO_IOMMU_MAP_DMA,
  VFIO_IOMMU_SET_PASID_TABLE,
  VFIO_IOMMU_UNMAP_DMA,
  VFIO_PASID_TABLE_FLAG_UNSET,
  VFIO_SET_IOMMU,
  vfio_iommu_type1_dma_map,
  vfio_iommu_type1_dma_unmap,
  vfio_iommu_type1_set_pasid_table,
} from "@faultline/shared/linux-uapi/vfio.ts";

/** `size` in bytes. */
interface Mapping {
  iova: bigint;
  hva: bigint;
  size: bigint;
  flags: number;
}

/** Where an access goes, or the first address that is refused and the host's reason. */
export type Outcome = { refused: null; address: bigint } | { refused: number; address: bigint };

/** A VFIO container as its functions' DMA sees it: mappings of stage 2, and whether stage 1 lets anything through (vfio-uapi.md, 3 and 4). */
export class Container {
  #mappings: Mapping[] = [];
  /** Stage 1 of an endpoint without a table is bypass; tables are nobody's to walk here. */
  #stage1: "bypass" | "abort" = "bypass";

  /** 0 or -errno; undefined: no ioctl of a container. */
  ioctl(cmd: number, arg: Uint8Array): number | undefined {
    switch (cmd) {
      case VFIO_GET_API_VERSION:
        return VFIO_API_VERSION;
      case VFIO_SET_IOMMU:
      case VFIO_IOMMU_CACHE_INVALIDATE:
        return 0;
      case VFIO_IOMMU_MAP_DMA:
        return this.#map(arg);
      case VFIO_IOMMU_UNMAP_DMA:
        return this.#unmap(arg);
      case VFIO_IOMMU_SET_PASID_TABLE:
        return this.#setPasidTable(arg);
      default:
        return undefined;
    }
  }

  access(iova: bigint, length: number, write: boolean): Outcome {
    if (this.#stage1 === "abort") return { refused: IOMMU_FAULT_REASON.UNKNOWN, address: iova };
    const right = write ? VFIO_DMA_MAP_FLAG_WRITE : VFIO_DMA_MAP_FLAG_READ;
    const end = iova + BigInt(length);
    let first: bigint | null = null;
    for (let at = iova; at < end; ) {
      const mapping = this.#mappings.find((candidate) => candidate.iova <= at && at < candidate.iova + candidate.size);
      if (!mapping) return { refused: IOMMU_FAULT_REASON.PTE_FETCH, address: at };
      if ((mapping.flags & right) === 0) return { refused: IOMMU_FAULT_REASON.PERMISSION, address: at };
      first ??= mapping.hva + (at - mapping.iova);
      at = mapping.iova + mapping.size;
    }
    return { refused: null, address: first ?? iova };
  }

  #map(arg: Uint8Array): number {
    const { iova, vaddr: hva, size, flags } = vfio_iommu_type1_dma_map.decode(arg);
    if (this.#mappings.some((other) => other.iova < iova + size && iova < other.iova + other.size)) return -EEXIST;
    this.#mappings.push({ iova, hva, size, flags: Number(flags) });
    return 0;
  }

  #unmap(arg: Uint8Array): number {
    const { iova, size, flags } = vfio_iommu_type1_dma_unmap.decode(arg);
    const gone = (mapping: Mapping) => (Number(flags) & VFIO_DMA_UNMAP_FLAG_ALL) !== 0 || (mapping.iova >= iova && mapping.iova + mapping.size <= iova + size);
    const before = this.#mappings.length;
    this.#mappings = this.#mappings.filter((mapping) => !gone(mapping));
    return before === this.#mappings.length && (Number(flags) & VFIO_DMA_UNMAP_FLAG_ALL) === 0 ? -ENOENT : 0;
  }

  #setPasidTable(arg: Uint8Array): number {
    const head = vfio_iommu_type1_set_pasid_table.sizeBytes;
    const { flags } = vfio_iommu_type1_set_pasid_table.decode(arg.slice(0, head));
    const config = Number(iommu_pasid_table_config.decode(arg.slice(head, head + iommu_pasid_table_config.sizeBytes)).config);
    const passes = (Number(flags) & VFIO_PASID_TABLE_FLAG_UNSET) !== 0 || config === IOMMU_PASID_CONFIG_BYPASS;
    this.#stage1 = passes ? "bypass" : "abort";
    return config > IOMMU_PASID_CONFIG_ABORT ? -EINVAL : 0;
  }
}
