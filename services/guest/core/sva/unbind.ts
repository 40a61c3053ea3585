import { viommu_flush_asid } from "../virtio-iommu/invalidation.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";
import type { Bond } from "./bond.ts";

/**
 * iommu_sva_unbind_device. The caller has stopped the device's use of the PASID (IC-108). Waits until every group that was seen for it is
 * answered, so that no late fault finds the PASID in another's hands; after the last reference the CD is invalid and every cache is flushed.
 */
export async function iommu_sva_unbind_device(viommu: Viommu, bond: Bond): Promise<void> {
  const { endpoint, mm, domain, pasid } = bond;
  if (!viommu.switches.has("RR-29")) await endpoint.allAnswered(pasid);
  await viommu.iopf.iopf_queue_flush_dev(endpoint.iommu);
  await endpoint.groupMutex.with(async () => {
    if (--bond.references > 0) return;
    const held = viommu.execution.point("guest.unbind.before-clear-cd", { endpoint: endpoint.id, pasid });
    if (held) await held;
    await domain.pasidTable.write(pasid, null);
    viommu.tracer.emit("guest.cd-written", { endpoint: endpoint.name, pasid, asid: mm.asid, domain: domain.id }, { valid: false });
    if (!bond.cleared) await viommu_flush_asid(viommu, domain, mm.asid);
    mm.notifiers.mmu_notifier_unregister(bond.notifier);
    viommu.tracer.emit("guest.unbind", { endpoint: endpoint.name, pasid, asid: mm.asid }, { mm: mm.name });
    viommu.asids.unpin(mm);
    viommu.pasids.iommu_sva_free_pasid(mm);
    endpoint.bonds = endpoint.bonds.filter((other) => other !== bond);
  });
}
