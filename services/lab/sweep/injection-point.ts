import { smmuEdge, vfioEdge, virtioEdge } from "@faultline/shared/edge/definitions.ts";
import type { EdgeDo, FaultRule } from "@faultline/shared/lab/fault-rule.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/** One place of a run where something can fail, and how it fails there. */
export interface InjectionPoint {
  /** "vmm->host ioctl #3", "point guest.iopf.before-handle #1", "guest allocation #7". */
  name: string;
  /** Whose failure it is: the end that sends, the part at the point, the allocator's kernel. */
  service: "guest" | "vmm" | "host" | "smmu";
  /** `panics`: an aborted access of a kernel's CPU is an SError, which ends that kernel. */
  how: { rule: FaultRule; panics?: "host" } | { dies: { point: string; nth: number } } | { outOfMemory: { kernel: "guest" | "host"; nth: number } };
}

interface MessageRow {
  direction: string;
  what: string;
  /** CEL that tells apart what fails differently. */
  condition?: string;
  do: EdgeDo;
  panics?: "host";
}

/** Registers of the SMMU: 128 KiB (interfaces.md, section 4). */
const IN_SMMU = "m.address >= 0x9050000 && m.address < 0x9070000";

/**
 * How each message fails: where its sender can be told, with the answer of a failed system call, request or bus access; where it cannot, it is lost (spec/flow.md, abort matrix).
 * The answers themselves are no points: they fail with their requests.
 */
const MESSAGES: readonly MessageRow[] = [
  ...Object.keys(vfioEdge.answerable).map((what): MessageRow => ({ direction: "vmm->host", what, do: { action: "answer", errno: "EIO" } })),
  { direction: "host->vmm", what: "signal", do: { action: "drop" } },
  // Functions and their configuration space: a completion may fail.
  ...Object.keys(smmuEdge.answerable).map((what): MessageRow => {
    const functions = what === "mmioRead" ? { condition: "m.address >= 0x10000000" } : {};
    return { direction: "host->smmu", what, ...functions, do: { action: "answer", code: "CA" } };
  }),
  { direction: "host->smmu", what: "mmioWrite", condition: "m.address >= 0x10000000 && m.address < 0x3f000000", do: { action: "drop" } },
  // Registers of the SMMU are the CPU's own accesses: one that aborts is an SError, and Linux panics (Arm ARM, D1.13; arm64_serror_panic).
  { direction: "host->smmu", what: "mmioRead", condition: IN_SMMU, do: { action: "answer", code: "CA" }, panics: "host" },
  { direction: "host->smmu", what: "mmioWrite", condition: IN_SMMU, do: { action: "drop" }, panics: "host" },
  { direction: "smmu->host", what: "interrupt", do: { action: "drop" } },
  { direction: "guest->vmm", what: "available", condition: "m.queue == 0", do: { action: "answer", status: "VIRTIO_IOMMU_S_DEVERR" } },
  { direction: "guest->vmm", what: "available", condition: "m.queue == 1", do: { action: "drop" } },
  { direction: "guest->vmm", what: "pciRead", do: { action: "answer", code: "CA" } },
  { direction: "guest->vmm", what: "pciWrite", condition: "m.space == 'config'", do: { action: "answer", code: "CA" } },
  { direction: "guest->vmm", what: "pciWrite", condition: "m.space != 'config'", do: { action: "drop" } },
  { direction: "vmm->guest", what: "used", condition: "m.queue == 1", do: { action: "drop" } },
  { direction: "vmm->guest", what: "interrupt", do: { action: "drop" } },
];
/** Edges by the direction that the sweep can fail. */
export const sweptDirections: readonly string[] = [...new Set(MESSAGES.map(({ direction }) => direction))];
export const edgeOf = (direction: string): string =>
  [smmuEdge, vfioEdge, virtioEdge].find(({ upper, lower }) => direction.includes(upper) && direction.includes(lower))!.edge;

const ruleOf = ({ direction, what, condition, do: action }: MessageRow, when: Partial<FaultRule["when"]>, id: string): FaultRule => ({
  id,
  where: { direction, what },
  when: { ...(condition ? { condition } : {}), ...when },
  do: action,
});

/** Rules that fire never and count every message that the sweep can fail, one a row. */
export const countingRules = (): FaultRule[] => MESSAGES.map((row, i) => ruleOf(row, { nth: 2 ** 32 - 1 }, `row-${i}`));

/** The messages of a clean run as injection points, from what `countingRules` counted. */
export const messagePoints = (matches: ReadonlyMap<string, number>): InjectionPoint[] =>
  MESSAGES.flatMap((row, i) =>
    Array.from({ length: matches.get(`row-${i}`) ?? 0 }, (_, n): InjectionPoint => {
      const which = row.condition ? ` [${row.condition}]` : "";
      return {
        name: `${row.direction} ${row.what}${which} #${n + 1}`,
        service: serviceOf(row.direction.split("->")[0]),
        how: { rule: ruleOf(row, { nth: n + 1 }, "sweep"), ...(row.panics ? { panics: row.panics } : {}) },
      };
    }),
  );

/** Reached points of tasks: the part dies there. Steps of the hardware: they stand still until heal. */
export const reachedPoints = (reached: ReadonlyMap<string, number>, isHardware: (id: string) => boolean): InjectionPoint[] =>
  [...reached].flatMap(([point, times]) =>
    Array.from({ length: times }, (_, n): InjectionPoint => {
      const nth = n + 1;
      const how: InjectionPoint["how"] = isHardware(point)
        ? { rule: { id: "sweep", where: { point }, when: { nth }, do: { action: "hold" } } }
        : { dies: { point, nth } };
      return { name: `point ${point} #${nth}`, service: serviceOf(point), how };
    }),
  );

export const allocationPoints = (kernel: "guest" | "host", allocations: number): InjectionPoint[] =>
  Array.from({ length: allocations }, (_, n) => ({ name: `${kernel} allocation #${n + 1}`, service: kernel, how: { outOfMemory: { kernel, nth: n + 1 } } }));

const serviceOf = (name: string): InjectionPoint["service"] => (["guest", "vmm", "host"] as const).find((service) => name.startsWith(service)) ?? "smmu";

/** The kinds of event that say that the run hung. */
export const hung = (history: readonly TraceEvent[]): boolean => {
  const last = history.findLast(({ kind }) => kind === "lab.deadlock" || kind === "lab.workload-end");
  return last?.kind === "lab.deadlock";
};
