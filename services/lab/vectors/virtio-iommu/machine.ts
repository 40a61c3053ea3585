import { defaultMachine, type Machine } from "@faultline/shared/machine/machine.ts";
import type { VirtioIommuJson } from "@faultline/vmm/core/virtio-iommu/options.ts";
import type { VirtioDriver } from "./driver.ts";
import type { VirtioIommuFile } from "./vector-file.ts";

export type VirtioIommuMachine = Machine & { virtioIommu: VirtioIommuJson };

/** What a replay needs of a VMM: a guest above, and the host that it is on below. A call that does not end rejects with `Stuck`. */
export interface ReplayedVirtioIommu {
  /** The guest that runs now. */
  readonly driver: VirtioDriver;
  /** The machine starts anew: another guest boots. */
  systemReset(): Promise<void>;
  /** Where the endpoint's access goes; null: it is refused, and the host says so to the VMM. */
  dma(endpoint: number, iova: bigint, length: number, write: boolean): bigint | null;
  /** The reports of the guest's event queue since the last call, once those of all DMA so far are there. */
  faults(): Promise<Uint8Array[]>;
}

/** Starts (or finds) a machine of this description. */
export interface VirtioIommuMachines {
  of(machine: VirtioIommuMachine): Promise<ReplayedVirtioIommu>;
  /** The machine is not to be used again. */
  discard(): Promise<void>;
  close(): Promise<void>;
}

/** RAM is everywhere that a number is exact, so that identity and every mapping can be seen; nothing is ever stored in it. */
const EVERYWHERE = 2 ** 53 - 2 ** 21;
/** What the VMM has mapped of its own: nothing looks at it. */
const DRAM_BYTES = 2 ** 21;

/** The machine of a file: its device, and its endpoints as the functions of one VM. */
export function machineOf({ config, endpoints }: Pick<VirtioIommuFile, "config" | "endpoints">): VirtioIommuMachine {
  const [endpoint] = defaultMachine.endpoints;
  const [vm] = defaultMachine.vms;
  return {
    ...defaultMachine,
    dram: { ...defaultMachine.dram, size: DRAM_BYTES },
    endpoints: endpoints.map((bdf) => ({ ...endpoint, bdf, kind: "scripted" })),
    vms: [{ ...vm, ram: EVERYWHERE, slots: [{ gpa: 0, size: EVERYWHERE }], endpoints }],
    virtioIommu: config,
  };
}
