/** Switches of the hardware, each off by default. Hardware faults are the lab's to inject through points and edges, not a variant of the machine. */
export const defects = [
  {
    id: "M-over-invalidate",
    sentence: "Every CFGI and TLBI command empties all caches of the SMMU: a missing or wrong invalidation does not show.",
    source: "our own protection",
    where: "core/smmu.ts",
  },
  {
    id: "M-never-evict",
    sentence: "The caches of the SMMU never evict: the first entry too many is not kept and ends the run as an error.",
    source: "our own protection",
    where: "core/tlb/tagged-cache.ts",
  },
  {
    id: "M-compare-cons",
    sentence: "A write of CMDQ_PROD that publishes nothing has the newest command executed once more.",
    source: "our own protection (Arm IHI 0070 G.b, 3.5.1)",
    where: "core/command-queue/command-queue.ts",
  },
  {
    id: "M-room-for-interrupts",
    sentence: "An interrupt that finds no room on its way to the host is lost; what it announces is not.",
    source: "our own protection (PCIe 2.6.1)",
    where: "core/register-file/interrupt.ts",
  },
] as const satisfies readonly { id: string; sentence: string; source: string; where: string }[];
export type SmmuDefect = (typeof defects)[number]["id"];
