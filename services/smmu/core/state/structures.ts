import { used } from "@faultline/shared/arm-smmu-v3/queue-pointer.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { integer, map } from "@faultline/shared/state/schema.ts";
import type { Structure } from "@faultline/shared/state/structure.ts";
import { Accelerator } from "../endpoint/accelerator.ts";
import type { Hardware } from "../hardware.ts";
import type { QueueRegisters } from "../queue-registers.ts";
import { cacheStructures } from "./caches.ts";
import { endpointStructures } from "./endpoints.ts";
import { queueStructures } from "./queues.ts";
import { registerStructures } from "./registers.ts";
import { tableStructures } from "./tables.ts";
import { walkStructure } from "./walk.ts";

const depth = ({ prod, cons, log2Size }: QueueRegisters): number => used(prod, cons, log2Size);

/** What is in flight or held, as numbers. */
export function counts({ smmu, functions }: Hardware): Record<string, number> {
  const accelerators = [...functions.values()].filter((fn) => fn instanceof Accelerator);
  return {
    commandQueueDepth: depth(smmu.commandQueue.queue),
    eventQueueDepth: depth(smmu.eventQueue.queue),
    priQueueDepth: depth(smmu.priQueue.queue),
    invalidationsOutstanding: smmu.invalidation.outstanding(),
    pageRequestsOutstanding: accelerators.reduce((sum, fn) => sum + fn.pages.outstanding, 0),
    atcEntries: accelerators.reduce((sum, fn) => sum + fn.atc.size, 0),
    tlbEntries: smmu.tlb.size,
    cachedStes: smmu.configurationCache.size.stes,
    cachedCds: smmu.configurationCache.size.cds,
  };
}

/** The live state of the hardware: one row a structure, under the field's name. */
export const structures = (hardware: Hardware, memory: PhysicalMemory): Structure[] => [
  ...registerStructures(hardware.smmu),
  ...tableStructures(hardware.smmu, memory),
  walkStructure(hardware.smmu, memory),
  ...queueStructures(hardware.smmu, memory),
  ...cacheStructures(hardware.smmu),
  ...endpointStructures(hardware),
  { path: "/counts", sentence: "What is in flight or held, as numbers.", parameters: {}, schema: map(integer()), read: () => counts(hardware) },
];
