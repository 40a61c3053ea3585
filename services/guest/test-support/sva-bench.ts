import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { Mm } from "../core/mm/mm.ts";
import { iommu_sva_bind_device } from "../core/sva/bind.ts";
import type { Bond } from "../core/sva/bond.ts";
import { bootedGuest } from "./boot.ts";
import { complete } from "./test-execution.ts";

/** A guest that booted, and what binds processes of it to its endpoint 8. */
export async function svaBench(switches: readonly string[] = []) {
  const all = await bootedGuest({ switches: [...switches] });
  const { guest, memory } = all;
  const endpoint = guest.viommu.endpoints.get(8)!;
  const newMm = () =>
    Mm.create("process", {
      memory,
      frames: guest.frames,
      files: guest.files,
      outputBits: 48,
      execution: all.execution,
      tracer: silentTracer,
      switches: new Set(switches),
      alive: { alive: 0 },
    })!;
  const bind = async (mm: Mm) => (await complete(all.execution, iommu_sva_bind_device(guest.viommu, endpoint, mm))) as Bond;
  const invalidations = () =>
    all.vmm.requests.filter((request) => request.type === 7).map(({ bytes }) => ({ gran: bytes[4], type: bytes[6], flags: bytes[8], pasid: bytes[16], asid: bytes[24] }));
  return { ...all, viommu: guest.viommu, endpoint, pci: guest.drivers.get(8)!.pci, newMm, bind, invalidations };
}
