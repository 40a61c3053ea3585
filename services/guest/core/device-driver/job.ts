import { COMPLETION_STATUS, completion } from "@faultline/shared/accelerator/completion.ts";
import { DESCRIPTOR_FLAG, descriptor, OPERATION, type Operation } from "@faultline/shared/accelerator/descriptor.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Mm } from "../mm/mm.ts";
import { readUser, writeUser } from "../mm/user-access.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";
import type { AcceleratorDriver, AcceleratorQueue } from "./accelerator.ts";

/** What a process asks for: plain pointers of its own address space. `completion`: where the record goes. */
export interface Job {
  operation: Operation;
  source: number;
  destination: number;
  length: number;
  completion: number;
  timeoutNs: number;
  /** fill: eight bytes, repeated. */
  pattern?: bigint;
}
/** `status`: of the completion record, or how the job ended without one. */
export type JobResult = { ok: true; bytesDone: number; result: bigint } | { ok: false; error: string; status: number | JobLoss; result: bigint };
export type JobLoss = "time-out" | "reset" | "removed" | "queue-error" | "unreadable" | "unwritten";

const STATUS_TEXT: Record<number, string> = {
  [COMPLETION_STATUS.BAD_DESCRIPTOR]: "the device calls the descriptor bad",
  [COMPLETION_STATUS.RESPONSE_INVALID]: "page response INVALID",
  [COMPLETION_STATUS.RESPONSE_FAILURE]: "page response FAILURE",
  [COMPLETION_STATUS.ABORTED]: "access aborted",
  [COMPLETION_STATUS.MISMATCH]: "compare mismatch",
  [COMPLETION_STATUS.RETRY_LIMIT]: "retry limit reached",
  [COMPLETION_STATUS.STOPPED]: "stopped",
};

/** A process with its queue. */
export interface JobContext {
  driver: AcceleratorDriver;
  queue: AcceleratorQueue;
  mm: Mm;
  viommu: Viommu;
}
const lost = (status: JobLoss, error: string): JobResult => ({ ok: false, status, error, result: 0n });
const whereOf = ({ driver, queue }: JobContext): string => `endpoint ${driver.endpoint.name}, PASID ${queue.pasid}, queue ${queue.index}`;

/** The process writes the descriptor, the doorbell publishes it, the interrupt says when to look at the completion record. Failures are sentences with endpoint, PASID and queue. */
export async function runJob(context: JobContext, job: Job): Promise<JobResult> {
  return (await submitJob(context, job)) ?? finishJob(context, job);
}

/** Descriptor and doorbell. null: the device has the job; else why it does not ("unwritten"). */
export async function submitJob(context: JobContext, job: Job): Promise<JobResult | null> {
  const { driver, queue, mm, viommu } = context;
  const tag = queue.tail;
  const slot = queue.ring + descriptor.sizeBytes * (queue.tail % 2 ** queue.log2Size);
  const bytes = descriptor.encode({
    op: OPERATION[job.operation],
    flags: DESCRIPTOR_FLAG.INTERRUPT,
    tag,
    source: job.source,
    destination: job.destination,
    length: job.length,
    completion: job.completion,
    pattern: job.pattern ?? 0n,
  });
  if (!(await writeUser(mm, job.completion, new Uint8Array(completion.sizeBytes))) || !(await writeUser(mm, slot, bytes))) {
    return lost("unwritten", `the guest is out of memory for a descriptor: ${whereOf(context)}`);
  }
  queue.tail = (queue.tail + 1) % 2 ** queue.log2Size;
  driver.endpoint.tally(queue.pasid).refusal = null;
  const held = viommu.execution.point("guest.job.before-doorbell", { endpoint: driver.endpoint.id, pasid: queue.pasid, queue: queue.index, tag });
  if (held) await held;
  viommu.tracer.emit(
    "guest.job-submitted",
    { endpoint: driver.endpoint.name, pasid: queue.pasid, queue: queue.index, gva: hex(job.source) },
    { operation: job.operation, bytes: job.length, tag },
  );
  await driver.ringDoorbell(queue);
  return null;
}

/** Waits for the end of the job that was submitted last. */
export async function finishJob(context: JobContext, job: Job): Promise<JobResult> {
  const { driver, queue, mm, viommu } = context;
  const where = whereOf(context);
  const status = await waitForCompletion(context, job);
  viommu.tracer.emit(
    "guest.job-done",
    { endpoint: driver.endpoint.name, pasid: queue.pasid, queue: queue.index },
    { status, tag: (queue.tail + 2 ** queue.log2Size - 1) % 2 ** queue.log2Size },
  );
  if (status === "time-out") {
    const ret = await driver.reset();
    const outcome = ret === 0 ? "the function was reset" : "the function did not come back from its reset";
    return lost(status, `job time-out: ${where}: no completion after ${job.timeoutNs / 1e6} ms; ${outcome}`);
  }
  if (status === "queue-error") return lost(status, `job failed: ${where}: the device cannot reach its ring or completion record${refusalText(driver, queue.pasid)}`);
  if (status === "reset") return lost(status, `job lost: ${where}: the function was reset`);
  if (status === "removed") return lost(status, `job lost: ${where}: the function was removed`);
  const record = await readUser(mm, job.completion, completion.sizeBytes);
  if (status === "unreadable" || !record) return lost("unreadable", `the completion record cannot be read: ${where}`);
  const fields = completion.decode(record);
  if (status === COMPLETION_STATUS.SUCCESS) return { ok: true, bytesDone: Number(fields.bytesDone), result: fields.result };
  // Its page requests are off until it is reset (spec/flow.md, h).
  if (status === COMPLETION_STATUS.RESPONSE_FAILURE && !queue.dead) await driver.reset();
  const why = STATUS_TEXT[status] ?? `status ${status}`;
  return { ok: false, status, error: `job failed: ${where}: ${why} at ${hex(fields.faultAddress)}${refusalText(driver, queue.pasid)}`, result: fields.result };
}

function refusalText(driver: AcceleratorDriver, pasid: number): string {
  const { refusal } = driver.endpoint.tally(pasid);
  return refusal ? ` (the guest refused a page: ${refusal})` : "";
}

/** The status of the record once it is not pending. */
async function waitForCompletion({ driver, queue, mm, viommu }: JobContext, job: Job): Promise<number | Exclude<JobLoss, "unwritten">> {
  let expired = false;
  const timer = viommu.switches.has("M-no-job-timeout")
    ? null
    : viommu.execution.timer(job.timeoutNs, () => {
        expired = true;
        queue.interrupted.wake();
      });
  try {
    for (;;) {
      const seen = queue.interrupts;
      const record = await readUser(mm, job.completion, completion.sizeBytes);
      if (!record) return "unreadable";
      const { status } = completion.decode(record);
      if (status !== 0n) return Number(status);
      if (queue.dead) return driver.pci.disconnected ? "removed" : "reset";
      if (queue.error) return "queue-error";
      if (expired) return "time-out";
      await queue.interrupted.until(() => queue.interrupts !== seen || expired || queue.dead || queue.error);
    }
  } finally {
    timer?.cancel();
  }
}
