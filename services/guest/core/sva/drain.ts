import type { Endpoint } from "../virtio-iommu/endpoint.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";

/**
 * Waits until nothing that the endpoint asked for under `pasid` is under way in this guest (IC-1105): events in the used ring are reported, work items have run, groups are answered,
 * and what a lost last request left in the partial list is gone. `stage`: for the trace.
 */
export async function drain_pasid(viommu: Viommu, endpoint: Endpoint, pasid: number, stage: "stopped" | "flushed"): Promise<void> {
  if (viommu.switches.has("M-drain-on-unbind")) return;
  await viommu.events?.handled();
  if (!viommu.switches.has("RR-29")) await endpoint.allAnswered(pasid);
  const iopf = viommu.iopfOf(endpoint);
  await iopf.iopf_queue_flush_dev(endpoint.iommu);
  const partial = iopf.iopf_queue_discard_pasid(endpoint.iommu, pasid);
  viommu.tracer.emit("guest.pasid-drained", { endpoint: endpoint.name, pasid }, { stage, partial });
}
