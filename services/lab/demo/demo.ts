import { hex } from "@faultline/shared/codec/uint64.ts";
import type { QueueResult, Workload } from "@faultline/shared/linux/workload.ts";
import { Failure, infrastructureError } from "../cli/errors.ts";
import type { InputFile, RunningMachine } from "../supervisor/running-machine.ts";
import { type FaultStep, firstFault } from "./first-fault.ts";
import { type FaultSummary, summarize } from "./summary.ts";
import { verify } from "./verify.ts";

export interface DemoResult extends FaultSummary {
  ok: true;
  operation: Workload["operation"];
  inputBytes: number;
  /** Of what every queue made of the file. */
  digest: string;
  queues: QueueDigest[];
  criticalMessages: number;
  firstFault: FaultStep[];
}

/** What one process on one queue did. */
export interface QueueDigest {
  endpoint: string;
  queue: number;
  pasid: number;
  digest: string;
  /** Page requests that its mm resolved. */
  faultsHandled: number;
}

/** Assigned functions used, and queues of each: a process and a PASID for every queue. */
export interface Breadth {
  endpoints: number;
  queues: number;
}

/** A job that takes longer than this is reset by the guest's driver: far beyond any job of the demo. */
export const DEMO_JOB_TIMEOUT_NS = 120e9;

/** Runs one operation over one file in the guest, on every queue asked for, and tells what happened. A failed job or a wrong result of any queue is a violation. */
export async function runDemo(
  machine: RunningMachine,
  operation: Workload["operation"],
  file: InputFile,
  pagesPerGroup: number,
  { endpoints, queues }: Breadth = { endpoints: 1, queues: 1 },
): Promise<DemoResult> {
  const end = await machine.runWorkload([file], { operation, file: file.name, pagesPerGroup, jobTimeoutNs: DEMO_JOB_TIMEOUT_NS, endpoints, queues });
  if (!end.ended) throw infrastructureError(`the workload did not end: ${end.reason}`);
  const { result } = end;
  if (!result.ok) throw new Failure("violation", `the guest's job failed: ${result.error}`);
  const digests = verifyQueues(operation, file.bytes, result.queues);
  if (digests.length !== endpoints * queues) throw new Failure("violation", `${endpoints * queues} queues were asked for, ${digests.length} ran`);
  const history = await machine.history();
  const fault = firstFault(history);
  const { pageRequests, groups, responses, roundTripUs } = summarize(history);
  return {
    ok: true,
    operation,
    inputBytes: result.inputBytes,
    digest: digests[0].digest,
    queues: digests,
    pageRequests,
    groups,
    responses,
    roundTripUs,
    criticalMessages: fault?.criticalMessages ?? 0,
    firstFault: fault?.steps ?? [],
  };
}

/** Each queue's output against what this machine computes; equal outputs are one array and verified once. The first wrong one is a violation that names its queue. */
function verifyQueues(operation: Workload["operation"], input: Uint8Array, queues: readonly QueueResult[]): QueueDigest[] {
  const verified = new Map<Uint8Array, ReturnType<typeof verify>>();
  return queues.map(({ endpoint, queue, pasid, output, faultsHandled }) => {
    const { digest, error } = verified.get(output) ?? verify(operation, input, output);
    verified.set(output, { digest, error });
    if (error) throw new Failure("violation", `endpoint ${hex(endpoint)}, PASID ${pasid}, queue ${queue}: ${error}`, "digest");
    return { endpoint: hex(endpoint), queue, pasid, digest, faultsHandled };
  });
}
