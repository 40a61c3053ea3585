import { freeKept } from "../mm/munmap.ts";
import { viommu_flush_asid } from "../virtio-iommu/invalidation.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";
import type { Bond } from "./bond.ts";
import { drain_pasid } from "./drain.ts";

/**
 * iommu_sva_unbind_device, in the order of IC-1105. The caller has stopped the device's use of the PASID (IC-108). After the last reference: drain, CD invalid, TLB and ATC flushed, drain again,
 * ASID and PASID free. The second drain takes what was above this guest at the first one: INVALIDATE T_PASID completes behind everything that host and VMM still had of the endpoint, so that no late
 * fault finds the PASID in another's hands (FL-I6). When a flush fails, ASID and PASID are kept until one succeeds: something may still be tagged with them (RR-84).
 */
export async function iommu_sva_unbind_device(viommu: Viommu, bond: Bond): Promise<void> {
  const { endpoint, mm, domain, pasid } = bond;
  const { execution, tracer } = viommu;
  const held = execution.point("guest.unbind.before-drain", { endpoint: endpoint.id, pasid });
  if (held) await held;
  await drain_pasid(viommu, endpoint, pasid, "stopped");
  await endpoint.groupMutex.with(async () => {
    if (--bond.references > 0) return;
    const heldBeforeClear = execution.point("guest.unbind.before-clear-cd", { endpoint: endpoint.id, pasid });
    if (heldBeforeClear) await heldBeforeClear;
    const { asid } = mm;
    const cleared = await domain.pasidTable.write(pasid, null);
    tracer.emit("guest.cd-written", { endpoint: endpoint.name, pasid, asid, domain: domain.id }, { valid: false });
    const flushed = bond.cleared ? 0 : await viommu_flush_asid(viommu, domain, asid);
    mm.notifiers.mmu_notifier_unregister(bond.notifier);
    await drain_pasid(viommu, endpoint, pasid, "flushed");
    endpoint.bonds = endpoint.bonds.filter((other) => other !== bond);
    endpoint.forgetTally(pasid);
    tracer.emit("guest.unbind", { endpoint: endpoint.name, pasid, asid }, { mm: mm.name });
    const heldBeforeFree = execution.point("guest.unbind.before-free-pasid", { endpoint: endpoint.id, pasid });
    if (heldBeforeFree) await heldBeforeFree;
    if (cleared < 0 || flushed < 0) return viommu.quarantine.keep({ endpoint: endpoint.name, domain, pasid, asid, mm });
    viommu.asids.unpin(mm);
    if (mm.pasid === pasid) viommu.pasids.iommu_sva_free_pasid(mm); // S30: gone with the exit
    tracer.emit("guest.pasid-freed", { endpoint: endpoint.name, pasid, asid });
    await freeKept(mm, pasid);
  });
}
