import { hex } from "@faultline/shared/codec/uint64.ts";
import type { MmuNotifier } from "@faultline/shared/linux/mmu-notifier.ts";
import { EINVAL, ENODEV, ESRCH } from "@faultline/shared/linux-uapi/errno.ts";
import { type Mm, VA_BITS } from "../mm/mm.ts";
import { oops } from "../oops.ts";
import type { Domain } from "../virtio-iommu/attach.ts";
import type { Endpoint } from "../virtio-iommu/endpoint.ts";
import { viommu_flush_asid, viommu_flush_range } from "../virtio-iommu/invalidation.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";
import type { Bond } from "./bond.ts";

/**
 * iommu_sva_bind_device: the device can use the mm's addresses under `pasid` of the bond; the same pair again takes a reference.
 * -ENODEV: SVA is not enabled; -EINVAL: the endpoint has no PASID table (RR-27); -EOVERFLOW, -ENOMEM: no PASID; -ESRCH: no ASID; or the CD could not be written.
 * After an error nothing of the bond is left.
 */
export async function iommu_sva_bind_device(viommu: Viommu, endpoint: Endpoint, mm: Mm): Promise<Bond | number> {
  await endpoint.groupMutex.lock();
  const bond = await bindLocked(viommu, endpoint, mm);
  if (typeof bond !== "number" || !viommu.switches.has("M-unlock-on-error")) endpoint.groupMutex.unlock();
  return bond;
}

async function bindLocked(viommu: Viommu, endpoint: Endpoint, mm: Mm): Promise<Bond | number> {
  if (!endpoint.svaEnabled) return -ENODEV;
  const { domain } = endpoint;
  if (!domain && viommu.switches.has("RR-27")) return oops(viommu.tracer, "RR-27", { endpoint: endpoint.name }, "the PASID table of an endpoint that is in no domain");
  if (!domain) return -EINVAL;
  const known = endpoint.bonds.find((bond) => bond.mm === mm);
  if (known) {
    known.references++;
    return known;
  }
  await viommu.quarantine.retry(viommu);
  const allocated = viommu.pasids.iommu_sva_alloc_pasid(mm, 1, 2 ** domain.pasidTable.s1cdmax - 1);
  if (allocated < 0) return allocated;
  if (!viommu.asids.pin(mm)) {
    viommu.pasids.iommu_sva_free_pasid(mm);
    return -ESRCH;
  }
  if (viommu.switches.has("RR-22") && [...viommu.endpoints.values()].some(({ bonds }) => bonds.some((other) => other.mm === mm && other.domain !== domain)))
    return oops(viommu.tracer, "RR-22", { endpoint: endpoint.name, pasid: mm.pasid, asid: mm.asid }, "the notifier, which is the CD of another domain");
  const bond = newBond(viommu, endpoint, domain, mm);
  mm.notifiers.mmu_notifier_register(bond.notifier);
  const held = viommu.execution.point("guest.bind.before-cd-write", { endpoint: endpoint.id, pasid: bond.pasid });
  if (held) await held;
  const ret = await domain.pasidTable.write(mm.pasid, {
    asid: mm.asid,
    root: mm.pageTable.root,
    inputBits: VA_BITS,
    outputBits: endpoint.properties.outputBits,
    shared: true,
  });
  if (ret < 0) {
    await domain.pasidTable.write(mm.pasid, null);
    mm.notifiers.mmu_notifier_unregister(bond.notifier);
    viommu.asids.unpin(mm);
    viommu.pasids.iommu_sva_free_pasid(mm);
    return ret;
  }
  viommu.tracer.emit("guest.cd-written", { endpoint: endpoint.name, pasid: mm.pasid, asid: mm.asid, domain: domain.id }, { ttb0: hex(mm.pageTable.root), valid: true });
  endpoint.bonds.push(bond);
  viommu.tracer.emit("guest.bind", { endpoint: endpoint.name, pasid: mm.pasid, asid: mm.asid }, { mm: mm.name });
  return bond;
}

function newBond(viommu: Viommu, endpoint: Endpoint, domain: Domain, mm: Mm): Bond {
  const posted = viommu.switches.has("RR-26"); // neither callback exists in the posted driver
  const notifier: MmuNotifier = {
    // RR-70: end - start + 1 bytes, which reach into the next page
    invalidate_range: async (start, end) => (posted ? 0 : viommu_flush_range(viommu, domain, mm.asid, start, viommu.switches.has("RR-70") ? end + 1 : end)),
    release: async () => {
      if (viommu.switches.has("S30")) viommu.pasids.iommu_sva_free_pasid(mm);
      if (posted || bond.cleared) return 0;
      const quiet = await domain.pasidTable.write(bond.pasid, "quiet"); // IC-711
      viommu.tracer.emit("guest.cd-written", { endpoint: endpoint.name, pasid: bond.pasid, asid: mm.asid, domain: domain.id }, { valid: true, quiet: true });
      // A CD that is not seen quiet can fill the caches again behind the flush.
      const ret = (await viommu_flush_asid(viommu, domain, mm.asid)) || quiet;
      bond.cleared = ret === 0; // else the unbind tries again
      return ret;
    },
  };
  const bond: Bond = { endpoint, mm, domain, pasid: mm.pasid, notifier, references: 1, cleared: false };
  return bond;
}
