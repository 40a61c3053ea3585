import { hex } from "@faultline/shared/codec/uint64.ts";
import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import { VFIO_IOMMU_BIND_MSI, VFIO_IOMMU_UNBIND_MSI, vfio_iommu_type1_set_msi_binding } from "@faultline/shared/linux-uapi/vfio.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Domain } from "../iommu/domain.ts";
import { vfioArgument } from "./argument.ts";

const GRANULE = 4096;
/** Software MSI window of arm-smmu-v3 (MSI_IOVA_BASE). */
const MSI_IOVA_BASE = 0x0800_0000;
const DOORBELL_OFFSET = addressMap.gitsTranslater - addressMap.gitsPage.base;

/** The nested MSI cookie of a domain: guest doorbells, and the one that stage 2 maps to the physical doorbell. */
export class MsiBindings {
  readonly #domain: Domain;
  readonly #tracer: Tracer;
  readonly #bindings = new Map<number, { gpa: number; mapped: boolean }>();
  #windowMapped = false;

  constructor(domain: Domain, tracer: Tracer) {
    this.#domain = domain;
    this.#tracer = tracer;
  }

  get count(): number {
    return this.#bindings.size;
  }

  /** VFIO_IOMMU_SET_MSI_BINDING: 0 or -errno. */
  async set(arg: Uint8Array): Promise<number> {
    const fields = vfioArgument(vfio_iommu_type1_set_msi_binding, arg);
    if (typeof fields === "number") return fields;
    const flags = Number(fields.flags);
    if (flags !== VFIO_IOMMU_BIND_MSI && flags !== VFIO_IOMMU_UNBIND_MSI) return -EINVAL;
    if (!this.#domain.nesting) return -EINVAL;
    if (flags === VFIO_IOMMU_UNBIND_MSI) {
      await this.#unbind(Number(fields.iova) - (Number(fields.iova) % GRANULE));
      return 0;
    }
    const size = Number(fields.size);
    if (size > GRANULE || size < 1) return -EINVAL;
    const iova = Number(fields.iova) - (Number(fields.iova) % size);
    if (this.#bindings.has(iova)) return 0;
    this.#bindings.set(iova, { gpa: Number(fields.gpa) - (Number(fields.gpa) % size), mapped: false });
    return 0;
  }

  /** iommu_dma_prepare_msi: the address to program into a device so that its MSI reaches GITS_TRANSLATER; -errno when stage 2 cannot be mapped. */
  compose(): number {
    const first = [...this.#bindings].find(([, binding]) => binding.mapped) ?? [...this.#bindings][0];
    if (!first) {
      if (!this.#windowMapped) {
        const ret = this.#mapDoorbell(MSI_IOVA_BASE);
        if (ret < 0) return ret;
        this.#windowMapped = true;
      }
      return MSI_IOVA_BASE + DOORBELL_OFFSET;
    }
    const [iova, binding] = first;
    if (!binding.mapped) {
      const ret = this.#mapDoorbell(binding.gpa);
      if (ret < 0) return ret;
      binding.mapped = true;
    }
    this.#tracer.emit("host.msi-bound", { iova: hex(iova), gpa: hex(binding.gpa), pa: hex(addressMap.gitsPage.base), vmid: this.#domain.vmid });
    return iova + DOORBELL_OFFSET;
  }

  /** Domain destruction. */
  async clear(): Promise<void> {
    for (const iova of [...this.#bindings.keys()]) await this.#unbind(iova);
    if (this.#windowMapped) await this.#unmapDoorbell(MSI_IOVA_BASE);
    this.#windowMapped = false;
  }

  async #unbind(iova: number): Promise<void> {
    const binding = this.#bindings.get(iova);
    this.#bindings.delete(iova);
    if (binding?.mapped) await this.#unmapDoorbell(binding.gpa);
  }

  #mapDoorbell(ipa: number): number {
    return this.#domain.stage2.map(ipa, addressMap.gitsPage.base, GRANULE, { read: false, write: true, exec: false, device: true });
  }

  async #unmapDoorbell(ipa: number): Promise<void> {
    this.#domain.stage2.unmap(ipa, GRANULE);
    await this.#domain.flushStage2(ipa, GRANULE);
  }
}
