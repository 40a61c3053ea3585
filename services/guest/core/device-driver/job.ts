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
}
export type JobResult = { ok: true; bytesDone: number; result: bigint } | { ok: false; error: string };

const STATUS_TEXT: Record<number, string> = {
  [COMPLETION_STATUS.BAD_DESCRIPTOR]: "the device calls the descriptor bad",
  [COMPLETION_STATUS.RESPONSE_INVALID]: "page response INVALID",
  [COMPLETION_STATUS.RESPONSE_FAILURE]: "page response FAILURE",
  [COMPLETION_STATUS.ABORTED]: "access aborted",
  [COMPLETION_STATUS.MISMATCH]: "compare mismatch",
  [COMPLETION_STATUS.RETRY_LIMIT]: "retry limit reached",
  [COMPLETION_STATUS.STOPPED]: "stopped",
};

/** The process writes the descriptor, the doorbell publishes it, the interrupt says when to look at the completion record. Failures are sentences with endpoint, PASID and queue. */
export async function runJob(driver: AcceleratorDriver, queue: AcceleratorQueue, mm: Mm, viommu: Viommu, job: Job): Promise<JobResult> {
  const where = `endpoint ${driver.endpoint.name}, PASID ${queue.pasid}, queue ${queue.index}`;
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
  });
  if (!(await writeUser(mm, job.completion, new Uint8Array(completion.sizeBytes))) || !(await writeUser(mm, slot, bytes))) {
    return { ok: false, error: `the guest is out of memory for a descriptor: ${where}` };
  }
  queue.tail = (queue.tail + 1) % 2 ** queue.log2Size;
  driver.endpoint.lastRefusal = null;
  const held = viommu.execution.point("guest.job.before-doorbell", { endpoint: driver.endpoint.id, pasid: queue.pasid, queue: queue.index, tag });
  if (held) await held;
  viommu.tracer.emit(
    "guest.job-submitted",
    { endpoint: driver.endpoint.name, pasid: queue.pasid, queue: queue.index, gva: hex(job.source) },
    { operation: job.operation, bytes: job.length, tag },
  );
  await driver.ringDoorbell(queue);

  const status = await waitForCompletion(queue, mm, viommu, job);
  viommu.tracer.emit("guest.job-done", { endpoint: driver.endpoint.name, pasid: queue.pasid, queue: queue.index }, { status, tag });
  if (status === "time-out") {
    const ret = await driver.reset();
    const outcome = ret === 0 ? "the function was reset" : "the function did not come back from its reset";
    return { ok: false, error: `job time-out: ${where}: no completion after ${job.timeoutNs / 1e6} ms; ${outcome}` };
  }
  if (status === "queue-error") return { ok: false, error: `job failed: ${where}: the device cannot reach its ring or completion record${refusal(driver)}` };
  if (status === "reset") return { ok: false, error: `job lost: ${where}: the function was reset` };
  const record = await readUser(mm, job.completion, completion.sizeBytes);
  if (status === "unreadable" || !record) return { ok: false, error: `the completion record cannot be read: ${where}` };
  const fields = completion.decode(record);
  if (status === COMPLETION_STATUS.SUCCESS) return { ok: true, bytesDone: Number(fields.bytesDone), result: fields.result };
  return { ok: false, error: `job failed: ${where}: ${STATUS_TEXT[status] ?? `status ${status}`} at ${hex(fields.faultAddress)}${refusal(driver)}` };
}

const refusal = (driver: AcceleratorDriver): string => (driver.endpoint.lastRefusal ? ` (the guest refused a page: ${driver.endpoint.lastRefusal})` : "");

/** The status of the record once it is not pending. */
async function waitForCompletion(queue: AcceleratorQueue, mm: Mm, viommu: Viommu, job: Job): Promise<number | "time-out" | "reset" | "queue-error" | "unreadable"> {
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
      if (queue.dead) return "reset";
      if (queue.error) return "queue-error";
      if (expired) return "time-out";
      await queue.interrupted.until(() => queue.interrupts !== seen || expired || queue.dead || queue.error);
    }
  } finally {
    timer?.cancel();
  }
}
