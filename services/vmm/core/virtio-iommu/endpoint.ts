import type { MsiXTable } from "../pci/msi-x.ts";
import type { AssignedDevice } from "../vfio/device.ts";
import type { FaultRelay } from "../vfio/fault-relay.ts";
import type { Domain } from "./domain.ts";

/** A group that the guest still has to answer. */
export interface OutstandingGroup { grpid: number; pasid: number | null; needsPasid: boolean }

/** An endpoint of the virtio-iommu: the assigned function behind it, where it is attached, what is unanswered. */
export interface Endpoint {
  id: number;
  device: AssignedDevice;
  relay: FaultRelay;
  msix: MsiXTable;
  domain: Domain | null;
  /** In order of arrival: an answer completes the oldest that fits. */
  outstanding: OutstandingGroup[];
}
