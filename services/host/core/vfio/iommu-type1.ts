import { hex } from "@faultline/shared/codec/uint64.ts";
import { Mutex } from "@faultline/shared/execution/mutex.ts";
import { EEXIST, EINVAL, ENOSPC, ENOTTY } from "@faultline/shared/linux-uapi/errno.ts";
import {
  VFIO_DMA_MAP_FLAG_READ,
  VFIO_DMA_MAP_FLAG_WRITE,
  VFIO_DMA_UNMAP_FLAG_ALL,
  VFIO_IOMMU_CACHE_INVALIDATE,
  VFIO_IOMMU_GET_INFO,
  VFIO_IOMMU_INFO_PGSIZES,
  VFIO_IOMMU_MAP_DMA,
  VFIO_IOMMU_SET_MSI_BINDING,
  VFIO_IOMMU_SET_PASID_TABLE,
  VFIO_IOMMU_UNMAP_DMA,
  vfio_iommu_type1_dma_map,
  vfio_iommu_type1_dma_unmap,
  vfio_iommu_type1_info,
} from "@faultline/shared/linux-uapi/vfio.ts";
import type { ArmSmmu } from "../arm-smmu-v3/arm-smmu-v3.ts";
import type { Domain } from "../iommu/domain.ts";
import type { AddressSpace } from "../mm/address-space.ts";
import { pinUserPages, unpinUserPages } from "../mm/pin-user-pages.ts";
import { copyToUser, type IoctlResult, result, vfioArgument } from "./argument.ts";
import { cacheInvalidate } from "./cache-invalidate.ts";
import { MsiBindings } from "./msi-binding.ts";
import { setPasidTable } from "./pasid-table.ts";

const PAGE = 4096;
const PGSIZES = 0x40201000n; // 4 KiB, 2 MiB, 1 GiB
const DMA_ENTRY_LIMIT = 65535;
interface DmaMapping {
  iova: number;
  size: number;
  pages: number[];
}

/** vfio_iommu_type1 of one container: one SMMU, so one domain. Its ioctls run under iommu->lock. */
export class IommuType1 {
  readonly domain: Domain;
  readonly msi: MsiBindings;
  readonly #smmu: ArmSmmu;
  readonly #mm: AddressSpace;
  readonly #lock: Mutex;
  readonly #mappings = new Map<number, DmaMapping>();

  constructor(smmu: ArmSmmu, domain: Domain, mm: AddressSpace) {
    this.#smmu = smmu;
    this.domain = domain;
    this.#mm = mm;
    this.#lock = new Mutex("vfio iommu lock", smmu.ports.execution.locks);
    this.msi = new MsiBindings(domain, smmu.ports.tracer);
  }

  /** Ranges of guest RAM in stage 2, for live state. */
  mapped(): { iova: number; size: number }[] {
    return [...this.#mappings.values()].map(({ iova, size }) => ({ iova, size }));
  }

  async ioctl(cmd: number, arg: Uint8Array): Promise<IoctlResult> {
    return this.#lock.with(async () => {
      switch (cmd) {
        case VFIO_IOMMU_GET_INFO:
          return this.#getInfo(arg);
        case VFIO_IOMMU_MAP_DMA:
          return result(this.#mapDma(arg), arg);
        case VFIO_IOMMU_UNMAP_DMA:
          return this.#unmapDma(arg);
        case VFIO_IOMMU_SET_PASID_TABLE:
          return result(await setPasidTable(this.#smmu, this.domain, arg), arg);
        case VFIO_IOMMU_CACHE_INVALIDATE:
          return result(await this.#cacheInvalidate(arg), arg);
        case VFIO_IOMMU_SET_MSI_BINDING:
          return result(await this.msi.set(arg), arg);
        default:
          return result(-ENOTTY, arg);
      }
    });
  }

  /** vfio_iommu_unmap_unpin_all, at release. */
  async unmapAll(): Promise<void> {
    await this.#lock.with(async () => {
      for (const mapping of [...this.#mappings.values()]) await this.#remove(mapping);
      await this.msi.clear();
    });
  }

  /** RR-80: once for each device of the domain, whose caches each of them takes whole; up to the first error. */
  async #cacheInvalidate(arg: Uint8Array): Promise<number> {
    if (!this.#smmu.ports.switches.has("RR-80")) return cacheInvalidate(this.#smmu, this.domain, arg);
    let ret = 0;
    for (let left = this.domain.devices.size; left > 0 && ret === 0; left--) ret = await cacheInvalidate(this.#smmu, this.domain, arg);
    return ret;
  }

  #getInfo(arg: Uint8Array): IoctlResult {
    const fields = vfioArgument(vfio_iommu_type1_info, arg, 16);
    if (typeof fields === "number") return result(fields, arg);
    const info = vfio_iommu_type1_info.encode({ argsz: fields.argsz, flags: VFIO_IOMMU_INFO_PGSIZES, iova_pgsizes: PGSIZES });
    return result(0, copyToUser(arg, info.subarray(0, Math.min(arg.length, info.length))));
  }

  #mapDma(arg: Uint8Array): number {
    const fields = vfioArgument(vfio_iommu_type1_dma_map, arg);
    if (typeof fields === "number") return fields;
    const flags = Number(fields.flags);
    if (flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)) return -EINVAL;
    const prot = { read: (flags & VFIO_DMA_MAP_FLAG_READ) !== 0, write: (flags & VFIO_DMA_MAP_FLAG_WRITE) !== 0 };
    if (!prot.read && !prot.write) return -EINVAL;
    if (fields.iova + fields.size > 1n << BigInt(this.domain.stage2.inputBits) || fields.vaddr + fields.size > 1n << 48n) return -EINVAL; // wraps too
    const iova = Number(fields.iova),
      vaddr = Number(fields.vaddr),
      size = Number(fields.size);
    if (size === 0 || iova % PAGE || vaddr % PAGE || size % PAGE) return -EINVAL;
    for (const other of this.#mappings.values()) if (iova < other.iova + other.size && other.iova < iova + size) return -EEXIST;
    if (this.#mappings.size >= DMA_ENTRY_LIMIT) return -ENOSPC;
    const { frames, tracer } = this.#smmu.ports;
    const pages = pinUserPages(this.#mm, frames, vaddr, size, prot.write);
    if (typeof pages === "number") return pages;
    for (let i = 0; i < pages.length; ) {
      let run = 1;
      while (i + run < pages.length && pages[i + run] === pages[i] + run * PAGE) run++;
      const ret = this.domain.stage2.map(iova + i * PAGE, pages[i], run * PAGE, prot);
      if (ret < 0) {
        this.domain.stage2.unmap(iova, i * PAGE);
        unpinUserPages(frames, pages);
        return ret;
      }
      i += run;
    }
    this.#mappings.set(iova, { iova, size, pages });
    tracer.emit("host.stage2-map", { ipa: hex(iova), vmid: this.domain.vmid, domain: this.domain.id }, { size, hva: hex(vaddr), write: prot.write });
    return 0;
  }

  /** v2 rule: several mappings may go at once, none is cut. `size` becomes the bytes unmapped. */
  async #unmapDma(arg: Uint8Array): Promise<IoctlResult> {
    const fields = vfioArgument(vfio_iommu_type1_dma_unmap, arg);
    if (typeof fields === "number") return result(fields, arg);
    const all = Number(fields.flags) === VFIO_DMA_UNMAP_FLAG_ALL;
    if (!all && fields.flags !== 0n) return result(-EINVAL, arg);
    if (all ? fields.iova !== 0n || fields.size !== 0n : fields.size === 0n || fields.iova % 4096n || fields.size % 4096n) return result(-EINVAL, arg);
    if (fields.iova + fields.size > 1n << 64n) return result(-EINVAL, arg);
    const from = Number(fields.iova);
    const end = all ? 2 ** 64 : from + Number(fields.size);
    const inside = [...this.#mappings.values()].filter((mapping) => mapping.iova < end && from < mapping.iova + mapping.size);
    if (inside.some((mapping) => mapping.iova < from || mapping.iova + mapping.size > end)) return result(-EINVAL, arg);
    let unmapped = 0;
    for (const mapping of inside) {
      await this.#remove(mapping);
      unmapped += mapping.size;
    }
    return result(0, copyToUser(arg, vfio_iommu_type1_dma_unmap.encode({ ...fields, size: unmapped })));
  }

  /** Out of the tables, out of the caches, and only then unpinned. */
  async #remove(mapping: DmaMapping): Promise<void> {
    const { frames, tracer, execution, switches } = this.#smmu.ports;
    const early = switches.has("M-invalidate-before-unpin");
    this.domain.stage2.unmap(mapping.iova, mapping.size);
    if (early) unpinUserPages(frames, mapping.pages);
    await this.domain.flushStage2(mapping.iova, mapping.size);
    await execution.point("host.unmap.before-unpin", { iova: mapping.iova, size: mapping.size });
    if (!early) unpinUserPages(frames, mapping.pages);
    this.#mappings.delete(mapping.iova);
    tracer.emit("host.stage2-unmap", { ipa: hex(mapping.iova), vmid: this.domain.vmid, domain: this.domain.id }, { size: mapping.size });
  }
}
