import type { MsiX } from "../pci/msi-x.ts";
import type { AssignedDevice } from "../vfio/device.ts";
import type { FaultRelay } from "../vfio/fault-relay.ts";
import type { Domain } from "./domain.ts";

/** A group that the guest still has to answer. */
export interface OutstandingGroup {
  grpid: number;
  pasid: number | null;
  needsPasid: boolean;
}

/** An endpoint of the virtio-iommu: the assigned function behind it, where it is attached, what is unanswered. */
export interface Endpoint {
  id: number;
  device: AssignedDevice;
  relay: Pick<FaultRelay, "respond" | "tail" | "drained">;
  msix: Pick<MsiX, "attach" | "detach">;
  domain: Domain | null;
  /** What the container's stage 2 maps; null: unknown, after an error. */
  stage2: "ram" | Domain | null;
  /** In order of arrival: an answer completes the oldest that fits. */
  outstanding: OutstandingGroup[];
  /** Groups of which a request was dropped before the last came: their last is answered INVALID. `grpid/pasid`. */
  readonly refused: Set<string>;
}
