import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import type { VmOptions } from "@faultline/shared/machine/machine.ts";
import { VIRTIO_IOMMU_MAP_F_MMIO } from "@faultline/shared/virtio/virtio-iommu.ts";
import type { Domain, Mapping } from "./domain.ts";
import type { Endpoint } from "./endpoint.ts";

type Slot = VmOptions["slots"][number];
const MAP_F_ACCESS = 3; // READ | WRITE

/**
 * What the host is told for each virtio state of an endpoint (flow.md, S1): always ABORT first, then stage 2, then the new mode. A MAP/UNMAP domain has only its own mappings in stage 2;
 * every other state has guest RAM at its GPA.
 */
export class Attachments {
  readonly domains = new Map<number, Domain>();
  readonly #slots: readonly Slot[];
  readonly #hvaOf: (gpa: number) => number | null;
  /** Config `bypass`: what unattached endpoints do. 1 at system reset, kept over a device reset (VI-D-06 to VI-D-08). */
  bypass = true;

  constructor(slots: readonly Slot[], hvaOf: (gpa: number) => number | null) {
    this.#slots = slots;
    this.#hvaOf = hvaOf;
  }

  /** Moves an endpoint into a domain (created when `domain` is new), or out of any (null). All checks are done by the caller; a host refusal leaves the endpoint where it was. 0 or -errno. */
  async attach(endpoint: Endpoint, domain: Domain | null): Promise<number> {
    const from = endpoint.domain;
    if (from === domain) return 0;
    await endpoint.msix.detach(); // UNBIND before the table goes
    const ret = await this.#apply(endpoint, domain);
    if (ret < 0) {
      await this.#apply(endpoint, from); // when this fails too, the endpoint stays in ABORT
      await endpoint.msix.attach(from?.table ?? null);
      return ret;
    }
    this.#leave(endpoint);
    endpoint.domain = domain;
    if (domain) {
      domain.endpoints.add(endpoint);
      this.domains.set(domain.id, domain);
    }
    await endpoint.msix.attach(domain?.table ?? null);
    return 0;
  }

  /** Config `bypass` was written: the unattached endpoints follow. */
  async setBypass(bypass: boolean, endpoints: Iterable<Endpoint>): Promise<void> {
    if (this.bypass === bypass) return;
    this.bypass = bypass;
    for (const endpoint of endpoints) if (!endpoint.domain) await this.#apply(endpoint, null);
  }

  /** The host's state of an unattached endpoint after a reset of the device: its table is gone (flow.md, T8). */
  async detachForReset(endpoint: Endpoint): Promise<void> {
    if (endpoint.domain) await this.attach(endpoint, null);
    if (this.bypass) await endpoint.device.container.unset();
  }

  #leave(endpoint: Endpoint): void {
    const { domain } = endpoint;
    if (!domain) return;
    domain.endpoints.delete(endpoint);
    if (domain.endpoints.size === 0) this.domains.delete(domain.id);
    endpoint.domain = null;
  }

  /** Makes the host's state of the endpoint that of `domain`, whatever it was before. */
  async #apply(endpoint: Endpoint, domain: Domain | null): Promise<number> {
    const { container } = endpoint.device;
    const aborted = await container.abort();
    if (aborted < 0) return aborted;
    const mapped = await this.#setStage2(endpoint, domain?.kind === "map" ? domain : "ram");
    if (mapped < 0) return mapped;
    if (domain?.table) return container.translate(domain.table);
    return domain || this.bypass ? container.bypass() : 0; // unattached without bypass: stays ABORT
  }

  /** Replaces what the container's stage 2 maps. After a failure its contents are unknown (null): the next change starts with nothing. */
  async #setStage2(endpoint: Endpoint, wanted: "ram" | Domain): Promise<number> {
    if (endpoint.stage2 === wanted) return 0;
    for (const { gpa, size } of endpoint.stage2 === "ram" ? this.#slots : []) {
      const ret = await endpoint.device.container.unmapDma(gpa, size);
      if (ret < 0) return ret;
    }
    if (endpoint.stage2 !== "ram") {
      const ret = await endpoint.device.container.unmapAll();
      if (ret < 0) return ret;
    }
    endpoint.stage2 = null;
    const ram = (): Dma[] => this.#slots.map(({ gpa, size }) => ({ iova: BigInt(gpa), gpa, size: BigInt(size), access: MAP_F_ACCESS }));
    for (const dma of wanted === "ram" ? ram() : wanted.mappings.map((mapping) => this.#dmaOf(mapping))) {
      const ret = await this.#mapDma(endpoint, dma);
      if (ret < 0) return ret;
    }
    endpoint.stage2 = wanted;
    return 0;
  }

  /** Adds a mapping to the endpoint's stage 2. A mapping without READ and WRITE gives no right: nothing is sent to the host. */
  mapOne(endpoint: Endpoint, mapping: Mapping): Promise<number> {
    return this.#mapDma(endpoint, this.#dmaOf(mapping));
  }

  async unmapOne(endpoint: Endpoint, mapping: Mapping): Promise<number> {
    const { iova, size, access } = this.#dmaOf(mapping);
    return access === 0 ? 0 : endpoint.device.container.unmapDma(iova, size);
  }

  async #mapDma(endpoint: Endpoint, { iova, gpa, size, access }: Dma): Promise<number> {
    if (access === 0) return 0;
    const hva = this.#memoryAt(gpa, size);
    return hva === null ? -EINVAL : endpoint.device.container.mapDma(iova, hva, size, access);
  }

  /** HVA of guest RAM; null: not inside one slot. */
  #memoryAt(gpa: number, size: bigint): number | null {
    const hva = this.#hvaOf(gpa);
    const last = this.#hvaOf(gpa + Number(size) - 1);
    return hva !== null && last !== null && last - hva === Number(size) - 1 ? hva : null;
  }

  /** `virtEnd` is inclusive. Device registers cannot be mapped from user memory, and a doorbell is reached through the host's own MSI window: MMIO that is no RAM gives no right. */
  #dmaOf({ virtStart, virtEnd, physStart, flags }: Mapping): Dma {
    const gpa = Number(physStart);
    const size = virtEnd - virtStart + 1n;
    const registers = (flags & VIRTIO_IOMMU_MAP_F_MMIO) !== 0 && this.#memoryAt(gpa, size) === null;
    return { iova: virtStart, gpa, size, access: registers ? 0 : flags & MAP_F_ACCESS };
  }
}

/** A mapping of stage 2. `size` in bytes; `access` 0: nothing. */
interface Dma {
  iova: bigint;
  gpa: number;
  size: bigint;
  access: number;
}
