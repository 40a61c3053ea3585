import { SimulatedMachine } from "@faultline/lab/simulation/machine.ts";
import type { Program, Workload, WorkloadResult } from "@faultline/shared/linux/workload.ts";
import { defaultMachine, type Machine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

/** Every operation, and processes that unbind and exit while the device works. */
export const mixedProgram: Program = {
  processes: 12,
  pages: 12,
  jobs: 3,
  mix: { copy: 3, fill: 1, crc32c: 1, sha256: 1, gzip: 1, compare: 1, nop: 1 },
  munmap: 0.4,
  unbind: 0.35,
  exit: 0.35,
  seed: 1,
};

export interface SimulatedRun {
  /** null: it never ended. */
  result: WorkloadResult | null;
  history: readonly TraceEvent[];
}

/** Boots a simulation, lets `prepare` hold points, runs the workload (on one queue if it does not say) and lets what is left come to rest. */
export async function simulate(
  workload: Partial<Workload>,
  o: {
    machine?: Machine;
    seed?: number;
    switches?: string[];
    yieldEverywhere?: boolean;
    file?: Uint8Array;
    prepare?(machine: SimulatedMachine): void;
  } = {},
): Promise<SimulatedRun> {
  const machine = new SimulatedMachine(o.machine ?? defaultMachine, { seed: o.seed ?? 1, switches: new Set(o.switches), yieldEverywhere: o.yieldEverywhere });
  await machine.boot();
  o.prepare?.(machine);
  const files = [{ name: "input", bytes: o.file ?? new Uint8Array(0) }];
  const whole: Workload = { operation: "sha256", file: "input", pagesPerGroup: 4, jobTimeoutNs: 10e9, ...workload };
  const end = await machine.runWorkload(files, whole, { limitNs: 600e9 });
  await machine.settle(5e9);
  return { result: end.ended ? end.value : null, history: machine.history };
}
