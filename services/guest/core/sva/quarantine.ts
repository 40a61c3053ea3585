import type { Mm } from "../mm/mm.ts";
import { freeKept } from "../mm/munmap.ts";
import type { Domain } from "../virtio-iommu/attach.ts";
import { viommu_flush_asid } from "../virtio-iommu/invalidation.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";

/** A PASID and an ASID whose flush failed when they were unbound. */
interface Unflushed {
  endpoint: string;
  domain: Domain;
  pasid: number;
  asid: number;
  mm: Mm;
}

/**
 * What an unbind left behind whose invalidation failed (RR-84): caches may still be tagged with its PASID and ASID, and lead to its frames. Nobody gets them before the CD was seen invalid and
 * everything under the ASID was flushed; that is tried again before each bind.
 */
export class Quarantine {
  #kept: Unflushed[] = [];

  keep(unflushed: Unflushed): void {
    unflushed.mm.unflushed++;
    this.#kept.push(unflushed);
  }

  async retry(viommu: Viommu): Promise<void> {
    for (const one of this.#kept.splice(0)) {
      const { endpoint, domain, pasid, asid, mm } = one;
      if ((await domain.pasidTable.write(pasid, null)) < 0 || (await viommu_flush_asid(viommu, domain, asid)) < 0) {
        this.#kept.push(one);
        continue;
      }
      mm.unflushed--;
      viommu.asids.unpin(mm);
      viommu.pasids.iommu_sva_free_pasid(mm);
      viommu.tracer.emit("guest.pasid-freed", { endpoint, pasid, asid });
      await freeKept(mm, pasid);
    }
  }
}
