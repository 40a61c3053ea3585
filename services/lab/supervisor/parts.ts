/** A part of the machine: one process, or one container. */
export interface Part {
  /** smmu, host, vmm0, guest0, vmm1, .. */
  name: string;
  kind: "smmu" | "host" | "vmm" | "guest";
  vm: number;
}

/** The parts of a machine, the lower end of each edge first. */
export const partsOf = (vms: number): Part[] => [
  { name: "smmu", kind: "smmu", vm: 0 },
  { name: "host", kind: "host", vm: 0 },
  ...Array.from({ length: vms }, (_, vm): Part[] => [
    { name: `vmm${vm}`, kind: "vmm", vm },
    { name: `guest${vm}`, kind: "guest", vm },
  ]).flat(),
];

/** The parts that one VM runs on, its own included. */
export const partsOfVm = (vm: number): string[] => ["smmu", "host", `vmm${vm}`, `guest${vm}`];
