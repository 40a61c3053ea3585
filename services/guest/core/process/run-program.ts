import { COMPLETION_STATUS } from "@faultline/shared/accelerator/completion.ts";
import type { Program, QueueResult, Workload, WorkloadResult } from "@faultline/shared/linux/workload.ts";
import { finishJob, type Job, type JobResult, submitJob } from "../device-driver/job.ts";
import type { File, FileSystem } from "../mm/file-system.ts";
import { mmput, munmap } from "../mm/munmap.ts";
import { writeUser } from "../mm/user-access.ts";
import { checkCanary, checkJob, compareData, destinationBytes, mapCanary } from "./check-job.ts";
import { type DrawnJob, type DrawnProcess, drawProcess } from "./draw-program.ts";
import { queueResult, type Slot, summed } from "./run-workload.ts";
import { endProcess, exitProcess, type ProcessPorts, startProcess, type UserProcess, unbindProcess } from "./user-process.ts";

/** What a program needs of the kernel besides its processes. */
export interface ProgramPorts extends ProcessPorts {
  files: FileSystem;
}

interface Run {
  user: UserProcess;
  file: File;
  drawn: DrawnProcess;
  timeoutNs: number;
  jobs: number;
}

/** The processes of a program, in each slot one after the other. `ok`: every job ended as it may, and the CPU reads what the device should have written. */
export async function runProgram(ports: ProgramPorts, slots: readonly Slot[], workload: Workload, program: Program): Promise<WorkloadResult> {
  const overwrittenBefore = ports.mm.frames.overwrittenCount;
  const results: QueueResult[] = [];
  await Promise.all(
    slots.map(async (slot) => {
      for (let number = slot.number; number < program.processes; number += slots.length) {
        results[number] = await runDrawnProcess(ports, slot, workload, drawProcess(program, number));
      }
    }),
  );
  const { frames } = ports.mm;
  frames.checkPoison();
  const stained = frames.overwrittenCount - overwrittenBefore;
  const result = summed(workload, results.length * program.pages * 4096, results);
  return stained > 0 && result.ok ? { ...result, ok: false, error: `data mismatch: ${stained} frames were written to while they were free` } : result;
}

async function runDrawnProcess(ports: ProgramPorts, slot: Slot, workload: Workload, drawn: DrawnProcess): Promise<QueueResult> {
  const { driver } = slot;
  const name = `process ${drawn.number}`;
  const user = await startProcess(ports, driver, name, workload);
  if (typeof user === "string") return queueResult(driver, { queue: -1, pasid: 0 }, { ok: false, error: user }, 0, 0);
  const { index, pasid } = user.queue;
  const file = ports.files.create(name, drawn.source);
  const run: Run = { user, file, drawn, timeoutNs: workload.jobTimeoutNs, jobs: 0 };
  let error: string | null = null;
  for (const job of drawn.jobs) error ??= await runJobOf(run, job);
  const { handled } = driver.endpoint.tally(pasid);
  error = (await end(run, error === null)) ?? error;
  ports.files.unlink(file);
  const where = `${name}, endpoint ${driver.endpoint.name}, PASID ${pasid}, queue ${index}`;
  if (error?.startsWith("data mismatch")) ports.viommu.tracer.emit("guest.data-mismatch", { endpoint: driver.endpoint.name, pasid, queue: index }, { error });
  const outcome = error === null ? { ok: true as const, output: new Uint8Array(0) } : { ok: false as const, error: `${where}: ${error}` };
  return queueResult(driver, { queue: index, pasid }, outcome, run.jobs, handled);
}

/** One job from doorbell to check. null: it ended as it may. */
async function runJobOf(run: Run, drawn: DrawnJob): Promise<string | null> {
  const { user, file } = run;
  const { mm } = user;
  const size = destinationBytes(drawn);
  const source = mm.mmap(drawn.length, { read: true, write: false }, file.name, file);
  const destination = mm.mmap(size, { read: true, write: true }, "destination");
  let error: string | null = null;
  if (drawn.operation === "compare" && !(await writeUser(mm, destination, compareData(drawn, run.drawn.source)))) error = "the guest is out of memory";
  if (error === null) {
    const job = jobOf(run, drawn, source, destination);
    const refused = await submit(run, job);
    if (refused) error = refused;
    else if (drawn.unmapAfterNs === null) error = await checkJob(mm, drawn, run.drawn.source, destination, await finishJob(user, job));
    else error = await unmapUnderDma(run, drawn, job, size);
  }
  await munmap(mm, source);
  await munmap(mm, destination); // -EINVAL when it is gone already
  return error;
}

/** The destination goes while the device works, and its frames come back as the canary. The job may end well, or be refused a page. */
async function unmapUnderDma({ user }: Run, drawn: DrawnJob, job: Job, size: number): Promise<string | null> {
  const { mm, viommu } = user;
  await viommu.execution.sleep(drawn.unmapAfterNs ?? 0);
  await munmap(mm, job.destination);
  const canary = await mapCanary(mm, size, drawn.pattern);
  const done = await finishJob(user, job);
  const kept = canary && (await checkCanary(mm, canary));
  return kept ?? (endedWithoutPage(done) ? null : done.ok ? null : done.error);
}

const endedWithoutPage = (done: JobResult): boolean => !done.ok && (done.status === COMPLETION_STATUS.RESPONSE_INVALID || done.status === COMPLETION_STATUS.MISMATCH);

/** The process ends as it was drawn; after a failure in order. null: nothing that it still owned was written to. */
async function end(run: Run, well: boolean): Promise<string | null> {
  const { user, drawn } = run;
  const { ending } = drawn;
  if (!well || ending.how === "orderly") {
    await endProcess(user, well);
    return null;
  }
  const { mm, viommu } = user;
  const length = drawn.source.length;
  const source = mm.mmap(length, { read: true, write: false }, run.file.name, run.file);
  const destination = mm.mmap(length, { read: true, write: true }, "destination");
  const refused = await submit(run, jobOf(run, { operation: "copy", length, pattern: 0n }, source, destination));
  await viommu.execution.sleep(ending.afterNs);
  if (ending.how === "exit") {
    await exitProcess(user);
    return refused;
  }
  await unbindProcess(user);
  await munmap(mm, destination);
  const canary = await mapCanary(mm, length, 0x5a5a_5a5a_5a5a_5a5an);
  await viommu.execution.sleep(ending.afterNs);
  const kept = canary && (await checkCanary(mm, canary));
  await mmput(mm);
  return kept ?? refused;
}

/** null: the device has it. */
async function submit(run: Run, job: Job): Promise<string | null> {
  run.jobs++;
  const refused = await submitJob(run.user, job);
  return refused && !refused.ok ? refused.error : null;
}

const jobOf = (run: Run, { operation, length, pattern }: Pick<DrawnJob, "operation" | "length" | "pattern">, source: number, destination: number): Job => ({
  operation,
  source,
  destination,
  length: operation === "nop" ? 0 : length,
  completion: run.user.completion,
  timeoutNs: run.timeoutNs,
  pattern: operation === "fill" ? pattern : 0n,
});
