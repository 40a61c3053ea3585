import type { EdgeRule } from "@faultline/shared/edge/rules.ts";
import type { Workload, WorkloadResult } from "@faultline/shared/linux/workload.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";

export interface InputFile {
  name: string;
  bytes: Uint8Array;
}
/** `ended` false: it never will. `reason` says how that was seen. */
export type WorkloadEnd = { ended: true; result: WorkloadResult } | { ended: false; reason: string };

/** A booted machine as the commands use it, whichever way it runs: four processes or a simulation. */
export interface RunningMachine {
  arm(rules: readonly EdgeRule[]): Promise<void>;
  runWorkload(files: InputFile[], workload: Workload): Promise<WorkloadEnd>;
  /** Lets late events arrive, then the history in its total order. */
  history(): Promise<readonly TraceEvent[]>;
  close(): Promise<void>;
}
