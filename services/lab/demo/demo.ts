import type { Workload } from "@faultline/shared/linux/workload.ts";
import { Failure, infrastructureError } from "../cli/errors.ts";
import type { InputFile, RunningMachine } from "../supervisor/running-machine.ts";
import { type FaultStep, firstFault } from "./first-fault.ts";
import { type FaultSummary, summarize } from "./summary.ts";
import { verify } from "./verify.ts";

export interface DemoResult extends FaultSummary {
  ok: true;
  operation: Workload["operation"];
  inputBytes: number;
  digest: string;
  criticalMessages: number;
  firstFault: FaultStep[];
}

/** A job that takes longer than this is reset by the guest's driver: far beyond any job of the demo. */
export const DEMO_JOB_TIMEOUT_NS = 120e9;

/** Runs one operation over one file in the guest and tells what happened. A failed job or a wrong result is a violation. */
export async function runDemo(machine: RunningMachine, operation: Workload["operation"], file: InputFile, pagesPerGroup: number): Promise<DemoResult> {
  const end = await machine.runWorkload([file], { operation, file: file.name, pagesPerGroup, jobTimeoutNs: DEMO_JOB_TIMEOUT_NS });
  if (!end.ended) throw infrastructureError(`the workload did not end: ${end.reason}`);
  const { result } = end;
  if (!result.ok) throw new Failure("violation", `the guest's job failed: ${result.error}`);
  const { digest, error } = verify(operation, file.bytes, result.output);
  if (error) throw new Failure("violation", error, "digest");
  const history = await machine.history();
  const fault = firstFault(history);
  const { pageRequests, groups, responses, roundTripUs } = summarize(history);
  return {
    ok: true,
    operation,
    inputBytes: result.inputBytes,
    digest,
    pageRequests,
    groups,
    responses,
    roundTripUs,
    criticalMessages: fault?.criticalMessages ?? 0,
    firstFault: fault?.steps ?? [],
  };
}
