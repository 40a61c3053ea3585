import { numberOf } from "@faultline/shared/codec/uint64.ts";
import { EFAULT, EINVAL, ENODEV } from "@faultline/shared/linux-uapi/errno.ts";
import {
  VFIO_API_VERSION,
  VFIO_CHECK_EXTENSION,
  VFIO_DMA_CC_IOMMU,
  VFIO_GET_API_VERSION,
  VFIO_SET_IOMMU,
  VFIO_TYPE1_IOMMU,
  VFIO_TYPE1_NESTING_IOMMU,
  VFIO_TYPE1v2_IOMMU,
} from "@faultline/shared/linux-uapi/vfio.ts";
import type { ArmSmmu } from "../arm-smmu-v3/arm-smmu-v3.ts";
import { Domain } from "../iommu/domain.ts";
import type { AddressSpace } from "../mm/address-space.ts";
import { type IoctlResult, result } from "./argument.ts";
import type { VfioGroup } from "./group.ts";
import { IommuType1 } from "./iommu-type1.ts";

/** CHECK_EXTENSION answers 1 for 6 even if the hardware cannot nest. */
const extensions = [VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_DMA_CC_IOMMU, VFIO_TYPE1_NESTING_IOMMU];
/** Domains are numbered for the trace. */
export interface DomainIds {
  next: number;
}

/** /dev/vfio/vfio: groups, and once SET_IOMMU was called, their domain. */
export class VfioContainer {
  readonly groups = new Set<VfioGroup>();
  iommu: IommuType1 | null = null;
  readonly #vm: number;
  readonly #smmu: ArmSmmu;
  readonly #mm: AddressSpace;
  readonly #ids: DomainIds;

  constructor(vm: number, smmu: ArmSmmu, mm: AddressSpace, ids: DomainIds) {
    this.#vm = vm;
    this.#smmu = smmu;
    this.#mm = mm;
    this.#ids = ids;
  }

  async ioctl(cmd: number, arg: Uint8Array): Promise<IoctlResult> {
    switch (cmd) {
      case VFIO_GET_API_VERSION:
        return result(VFIO_API_VERSION, arg);
      case VFIO_CHECK_EXTENSION:
        return result(arg.length < 4 ? -EFAULT : extensions.includes(numberOf(arg.subarray(0, 4))) ? 1 : 0, arg);
      case VFIO_SET_IOMMU:
        return result(arg.length < 4 ? -EFAULT : await this.#setIommu(numberOf(arg.subarray(0, 4))), arg);
      default:
        return this.iommu ? this.iommu.ioctl(cmd, arg) : result(-EINVAL, arg);
    }
  }

  /** A group joins: its device enters the domain that is there. */
  async addGroup(group: VfioGroup): Promise<number> {
    this.groups.add(group);
    group.container = this;
    return this.iommu ? this.iommu.domain.attach(group.device) : 0;
  }

  /** The last group takes the domain with it, as closing the container does. */
  async removeGroup(group: VfioGroup): Promise<void> {
    if (this.iommu && this.groups.size === 1) await this.iommu.unmapAll();
    if (this.iommu) await this.iommu.domain.detach(group.device);
    this.groups.delete(group);
    group.container = null;
    if (this.iommu && this.groups.size === 0) {
      await this.iommu.domain.free();
      this.iommu = null;
    }
  }

  async #setIommu(type: number): Promise<number> {
    if (this.groups.size === 0 || this.iommu) return -EINVAL;
    if (type !== VFIO_TYPE1_IOMMU && type !== VFIO_TYPE1v2_IOMMU && type !== VFIO_TYPE1_NESTING_IOMMU) return -ENODEV;
    const domain = Domain.create(this.#smmu, this.#vm, this.#ids.next, type === VFIO_TYPE1_NESTING_IOMMU);
    if (typeof domain === "number") return domain;
    this.#ids.next++;
    this.iommu = new IommuType1(this.#smmu, domain, this.#mm);
    for (const group of this.groups) await domain.attach(group.device);
    return 0;
  }
}
