import type { FaultRule } from "@faultline/shared/lab/fault-rule.ts";
import type { Workload, WorkloadResult } from "@faultline/shared/linux/workload.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { PlannedFaults } from "../scenarios/fault-plan.ts";

export interface InputFile {
  name: string;
  bytes: Uint8Array;
}
/** `ended` false: it never will. `reason` says how that was seen. A guest that was lost ends its workload as failed. */
export type WorkloadEnd = { ended: true; result: WorkloadResult } | { ended: false; reason: string };

/** What each part that runs holds, by its name. */
export type PartCounts = Record<string, Record<string, number>>;

/** A booted machine as the commands use it, whichever way it runs: a simulation, processes or containers. */
export interface RunningMachine {
  /** Replaces the rules that are armed. A RuleError, or what a service says of it, when one of them cannot be. */
  arm(rules: readonly FaultRule[], seed: number): Promise<void>;
  /** From now on parts are killed, paused and cut off as planned, and healed. An input error names what this way of running cannot do. */
  plan(planned: PlannedFaults): void;
  /** Ends all faults: rules disarmed, what is paused or cut off goes on, what is off is started; `lab.heal`. Nothing when the plan has healed. */
  heal(withinNs: number): Promise<void>;
  runWorkload(files: InputFile[], workload: Workload): Promise<WorkloadEnd>;
  /** Waits on for a workload that had not ended: faults may have kept it, which are over now. */
  awaitWorkload(): Promise<WorkloadEnd>;
  /** Lets what is under way come to its end. */
  rest(): Promise<void>;
  counts(): Promise<PartCounts>;
  /** Lets late events arrive, then the history in its total order. */
  history(): Promise<readonly TraceEvent[]>;
  /** The history so far of a run that broke off, as far as it is known. Never rejects. */
  collected(): Promise<readonly TraceEvent[]>;
  close(): Promise<void>;
}

/** How a workload ends whose guest is no more. */
export const lostWorkload = (guest: string, operation: Workload["operation"]): WorkloadResult => ({
  ok: false,
  error: `${guest} is lost`,
  operation,
  inputBytes: 0,
  output: new Uint8Array(0),
  jobs: 0,
  faultsHandled: 0,
  queues: [],
});
