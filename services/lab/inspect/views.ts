import type { Part } from "../supervisor/parts.ts";

/** One look at a running machine: which structures of which parts. `{sid}` and the like stand for options of the command. */
export interface View {
  sentence: string;
  paths: Partial<Record<Part["kind"], readonly string[]>>;
  /** Options that the paths need. */
  needs?: readonly string[];
}

/** `faultline info WHAT`. */
export const infoViews = {
  smmu: { sentence: "ID registers, enables, errors", paths: { smmu: ["/smmu"], host: ["/smmu-driver"] } },
  streams: { sentence: "the stream table's valid entries", paths: { smmu: ["/stream-table"] } },
  queues: { sentence: "CMDQ, EVENTQ, PRIQ and the guest's virtqueues", paths: { smmu: ["/command-queue", "/event-queue", "/pri-queue"], vmm: ["/virtio-iommu"] } },
  cmdq: { sentence: "the command queue", paths: { smmu: ["/command-queue"] } },
  eventq: { sentence: "the event queue", paths: { smmu: ["/event-queue"] } },
  priq: { sentence: "the PRI queue", paths: { smmu: ["/pri-queue"] } },
  tlb: { sentence: "cached translations", paths: { smmu: ["/tlb"] } },
  "config-cache": { sentence: "cached STEs and CDs", paths: { smmu: ["/configuration-cache"] } },
  endpoints: {
    sentence: "the PCI functions, as the hardware, the host, the VMM and the guest have them",
    paths: { smmu: ["/endpoints"], host: ["/groups"], vmm: ["/endpoints"], guest: ["/endpoints"] },
  },
  atc: { sentence: "Address Translation Cache of --bdf", paths: { smmu: ["/atc/{bdf}"] }, needs: ["bdf"] },
  domains: { sentence: "iommu_domains of the host, domains of the virtio-iommu", paths: { host: ["/domains"], vmm: ["/domains"] } },
  groups: { sentence: "IOMMU groups and who owns them", paths: { host: ["/groups"] } },
  pending: {
    sentence: "page requests without an answer, layer by layer",
    paths: { smmu: ["/pri-queue"], host: ["/pending-faults"], vmm: ["/pending-faults"], guest: ["/pending-faults"] },
  },
  processes: { sentence: "VMMs and their fds, guest processes and their mappings", paths: { host: ["/processes"], guest: ["/processes"] } },
  memory: { sentence: "page allocators and memory slots", paths: { host: ["/memory"], vmm: ["/memory-slots"], guest: ["/memory"] } },
  counts: { sentence: "everything that is counted: zero again when nothing runs", paths: { smmu: ["/counts"], host: ["/counts"], vmm: ["/counts"], guest: ["/counts"] } },
} satisfies Record<string, View>;

/** `faultline dump WHAT`: structures in memory, every field by name. */
export const dumpViews = {
  ste: { sentence: "the STE of --sid", paths: { smmu: ["/stream-table/{sid}"] }, needs: ["sid"] },
  cd: { sentence: "the CD of --sid and --ssid", paths: { smmu: ["/context-descriptor/{sid}/{ssid}"] }, needs: ["sid", "ssid"] },
  cmd: { sentence: "every slot of the command queue", paths: { smmu: ["/command-queue?all=1"] } },
  event: { sentence: "every slot of the event queue", paths: { smmu: ["/event-queue?all=1"] } },
  ppr: { sentence: "every slot of the PRI queue", paths: { smmu: ["/pri-queue?all=1"] } },
  registers: { sentence: "both register pages", paths: { smmu: ["/registers"] } },
  config: { sentence: "the configuration space of --bdf", paths: { smmu: ["/config-space/{bdf}"] }, needs: ["bdf"] },
} satisfies Record<string, View>;
