import { ENODEV } from "@faultline/shared/linux-uapi/errno.ts";
import {
  IOMMU_CACHE_INVALIDATE_INFO_VERSION_1,
  IOMMU_PASID_CONFIG_ABORT,
  IOMMU_PASID_CONFIG_BYPASS,
  IOMMU_PASID_CONFIG_TRANSLATE,
  IOMMU_PASID_FORMAT_SMMUV3,
  iommu_cache_invalidate_info,
  iommu_pasid_table_config,
  PASID_TABLE_CFG_VERSION_1,
  PASID_TABLE_SMMUV3_CFG_VERSION_1,
} from "@faultline/shared/linux-uapi/iommu.ts";
import {
  VFIO_API_VERSION,
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
  VFIO_GET_API_VERSION,
  VFIO_GROUP_FLAGS_VIABLE,
  VFIO_GROUP_GET_STATUS,
  VFIO_GROUP_SET_CONTAINER,
  VFIO_IOMMU_BIND_MSI,
  VFIO_IOMMU_CACHE_INVALIDATE,
  VFIO_IOMMU_MAP_DMA,
  VFIO_IOMMU_SET_MSI_BINDING,
  VFIO_IOMMU_SET_PASID_TABLE,
  VFIO_IOMMU_UNBIND_MSI,
  VFIO_IOMMU_UNMAP_DMA,
  VFIO_PASID_TABLE_FLAG_SET,
  VFIO_PASID_TABLE_FLAG_UNSET,
  VFIO_SET_IOMMU,
  VFIO_TYPE1_NESTING_IOMMU,
  vfio_group_status,
  vfio_iommu_type1_cache_invalidate,
  vfio_iommu_type1_dma_map,
  vfio_iommu_type1_dma_unmap,
  vfio_iommu_type1_set_msi_binding,
  vfio_iommu_type1_set_pasid_table,
} from "@faultline/shared/linux-uapi/vfio.ts";
import type { SystemCalls } from "./system-calls.ts";

const int32 = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer);
const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(parts.flatMap((part) => [...part]));

/** One VFIO container with one group: every group can have its own table (flow.md, S1). Results are 0 or -errno. */
export class Container {
  readonly #calls: SystemCalls;
  readonly fd: number;
  readonly group: number;

  private constructor(calls: SystemCalls, fd: number, group: number) {
    this.#calls = calls;
    this.fd = fd;
    this.group = group;
  }

  /** Steps 1 to 4 of spec/vfio-uapi.md, section 2. */
  static async open(calls: SystemCalls, groupNumber: number): Promise<Container | number> {
    const fd = await calls.open("/dev/vfio/vfio");
    if (fd < 0) return fd;
    if ((await calls.ioctl(fd, VFIO_GET_API_VERSION)).ret !== VFIO_API_VERSION) return -ENODEV;
    const container = await Container.#addGroup(calls, fd, groupNumber);
    if (typeof container === "number") return container;
    const iommu = await calls.ioctl(fd, VFIO_SET_IOMMU, int32(VFIO_TYPE1_NESTING_IOMMU));
    return iommu.ret < 0 ? iommu.ret : container;
  }

  /** RR-81: one more group in this container, whose mappings and table are its own from then on. */
  join(groupNumber: number): Promise<Container | number> {
    return Container.#addGroup(this.#calls, this.fd, groupNumber);
  }

  static async #addGroup(calls: SystemCalls, fd: number, groupNumber: number): Promise<Container | number> {
    const group = await calls.open(`/dev/vfio/${groupNumber}`);
    if (group < 0) return group;
    const status = await calls.ioctl(group, VFIO_GROUP_GET_STATUS, vfio_group_status.encode({ argsz: vfio_group_status.sizeBytes }));
    if (status.ret < 0) return status.ret;
    if ((Number(vfio_group_status.decode(status.arg).flags) & VFIO_GROUP_FLAGS_VIABLE) === 0) return -ENODEV;
    const set = await calls.ioctl(group, VFIO_GROUP_SET_CONTAINER, int32(fd));
    return set.ret < 0 ? set.ret : new Container(calls, fd, group);
  }

  async mapDma(iova: number | bigint, hva: number | bigint, size: number | bigint, flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE): Promise<number> {
    const arg = vfio_iommu_type1_dma_map.encode({ argsz: vfio_iommu_type1_dma_map.sizeBytes, flags, vaddr: hva, iova, size });
    return (await this.#calls.ioctl(this.fd, VFIO_IOMMU_MAP_DMA, arg)).ret;
  }

  async unmapDma(iova: number | bigint, size: number | bigint): Promise<number> {
    const arg = vfio_iommu_type1_dma_unmap.encode({ argsz: vfio_iommu_type1_dma_unmap.sizeBytes, iova, size });
    return (await this.#calls.ioctl(this.fd, VFIO_IOMMU_UNMAP_DMA, arg)).ret;
  }

  /** Everything: VFIO_DMA_UNMAP_FLAG_ALL. */
  async unmapAll(): Promise<number> {
    const arg = vfio_iommu_type1_dma_unmap.encode({ argsz: vfio_iommu_type1_dma_unmap.sizeBytes, flags: VFIO_DMA_UNMAP_FLAG_ALL });
    return (await this.#calls.ioctl(this.fd, VFIO_IOMMU_UNMAP_DMA, arg)).ret;
  }

  /** SET TRANSLATE with the guest's table. `s1cdmax` = PASID bits. */
  translate(table: { s1contextptr: bigint; s1cdmax: number; s1fmt: number; s1dss: number }): Promise<number> {
    return this.#setPasidTable({ config: IOMMU_PASID_CONFIG_TRANSLATE, base_ptr: table.s1contextptr, pasid_bits: table.s1cdmax, s1fmt: table.s1fmt, s1dss: table.s1dss });
  }
  bypass(): Promise<number> {
    return this.#setPasidTable({ config: IOMMU_PASID_CONFIG_BYPASS });
  }
  abort(): Promise<number> {
    return this.#setPasidTable({ config: IOMMU_PASID_CONFIG_ABORT });
  }
  async unset(): Promise<number> {
    const arg = joined(vfio_iommu_type1_set_pasid_table.encode({ argsz: 40, flags: VFIO_PASID_TABLE_FLAG_UNSET }), new Uint8Array(iommu_pasid_table_config.sizeBytes));
    return (await this.#calls.ioctl(this.fd, VFIO_IOMMU_SET_PASID_TABLE, arg)).ret;
  }

  async #setPasidTable(config: Record<string, bigint | number>): Promise<number> {
    const arg = joined(
      vfio_iommu_type1_set_pasid_table.encode({ argsz: 40, flags: VFIO_PASID_TABLE_FLAG_SET }),
      iommu_pasid_table_config.encode({
        argsz: 32,
        version: PASID_TABLE_CFG_VERSION_1,
        format: IOMMU_PASID_FORMAT_SMMUV3,
        smmuv3_version: PASID_TABLE_SMMUV3_CFG_VERSION_1,
        ...config,
      }),
    );
    return (await this.#calls.ioctl(this.fd, VFIO_IOMMU_SET_PASID_TABLE, arg)).ret;
  }

  /** `granu`: pasid_info (16 bytes) or addr_info (40 bytes), or nothing. */
  async cacheInvalidate(cache: number, granularity: number, granu: Uint8Array): Promise<number> {
    const info = new Uint8Array(56);
    info.set(iommu_cache_invalidate_info.encode({ argsz: 56, version: IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, cache, granularity }));
    info.set(granu, iommu_cache_invalidate_info.sizeBytes);
    const arg = joined(vfio_iommu_type1_cache_invalidate.encode({ argsz: 64 }), info);
    return (await this.#calls.ioctl(this.fd, VFIO_IOMMU_CACHE_INVALIDATE, arg)).ret;
  }

  /** `size`: the guest's stage-1 granule. */
  bindMsi(iova: number, gpa: number, size: number): Promise<number> {
    return this.#setMsiBinding({ flags: VFIO_IOMMU_BIND_MSI, iova, gpa, size });
  }
  unbindMsi(iova: number): Promise<number> {
    return this.#setMsiBinding({ flags: VFIO_IOMMU_UNBIND_MSI, iova });
  }

  async #setMsiBinding(binding: { flags: number; iova: number; gpa?: number; size?: number }): Promise<number> {
    const arg = vfio_iommu_type1_set_msi_binding.encode({ argsz: vfio_iommu_type1_set_msi_binding.sizeBytes, ...binding });
    return (await this.#calls.ioctl(this.fd, VFIO_IOMMU_SET_MSI_BINDING, arg)).ret;
  }
}
