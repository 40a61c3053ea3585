import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Frames } from "../mm/frames.ts";

/** IPA bits of every VM. With 40 the start tables would be concatenated; 39 start at level 1 with one table. */
const IPA_BITS = 39;

/** The stage 2 that a VM's CPUs walk: KVM's own table, beside the one of the SMMU. null: no frame for its start table. */
export function createStage2(memory: PhysicalMemory, frames: Frames): IoPgtable | null {
  return IoPgtable.alloc({
    memory,
    allocFrame: () => frames.alloc(),
    freeFrame: (pa) => frames.free(pa),
    format: "stage2",
    inputBits: IPA_BITS,
    outputBits: 48,
    lowestLeafLevel: 3,
  });
}
