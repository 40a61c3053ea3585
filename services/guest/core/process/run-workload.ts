import type { Workload, WorkloadResult } from "@faultline/shared/linux/workload.ts";
import { errnoName } from "@faultline/shared/linux-uapi/errno.ts";
import type { AcceleratorDriver, AcceleratorQueue } from "../device-driver/accelerator.ts";
import { type JobResult, runJob } from "../device-driver/job.ts";
import type { File } from "../mm/file-system.ts";
import { Mm, type MmPorts } from "../mm/mm.ts";
import { mmput, munmap } from "../mm/munmap.ts";
import { readUser } from "../mm/user-access.ts";
import { iommu_sva_bind_device } from "../sva/bind.ts";
import { iommu_sva_unbind_device } from "../sva/unbind.ts";
import type { Viommu } from "../virtio-iommu/viommu.ts";

const RING_LOG2 = 8,
  DESCRIPTOR_BYTES = 64;
/** A copy needs a frame for each page of source and destination at once, so a large one is several jobs. */
const COPY_CHUNK_BYTES = 2 * 2 ** 20;
const SHA256_BYTES = 32,
  CRC_BYTES = 4;
/** RFC 1951: stored blocks of 65,535 bytes cost 5 each; the member's header and trailer 18. */
const gzipBound = (bytes: number): number => bytes + 5 * Math.ceil(bytes / 65535 + 1) + 18 + 64;

interface Run {
  driver: AcceleratorDriver;
  queue: AcceleratorQueue;
  mm: Mm;
  viommu: Viommu;
  file: File;
  completion: number;
  workload: Workload;
  jobs: number;
}
type Output = { ok: true; output: Uint8Array } | { ok: false; error: string };

/** A user process: binds its address space to the device, gives it plain pointers to memory nobody has touched yet, and reads the result as its own memory. */
export async function runProcess(
  viommu: Viommu,
  driver: AcceleratorDriver,
  mmPorts: MmPorts,
  file: File,
  workload: Workload,
  progress: (bytesDone: number) => void,
): Promise<WorkloadResult> {
  const faultsBefore = driver.endpoint.faultsHandled;
  const result = (jobs: number, outcome: Output): WorkloadResult => ({
    ok: outcome.ok,
    ...(outcome.ok ? {} : { error: outcome.error }),
    operation: workload.operation,
    inputBytes: file.size,
    output: outcome.ok ? outcome.output : new Uint8Array(0),
    jobs,
    faultsHandled: driver.endpoint.faultsHandled - faultsBefore,
  });
  const mm = Mm.create(`process ${workload.operation}`, mmPorts);
  if (!mm) return result(0, { ok: false, error: "the guest is out of memory for a page table" });
  const bond = await iommu_sva_bind_device(viommu, driver.endpoint, mm);
  if (typeof bond === "number") {
    await mmput(mm);
    return result(0, { ok: false, error: `bind of endpoint ${driver.endpoint.name}: ${errnoName(bond)}` });
  }
  const ring = mm.mmap(DESCRIPTOR_BYTES * 2 ** RING_LOG2, { read: true, write: true }, "ring");
  const completion = mm.mmap(4096, { read: true, write: true }, "completion");
  await driver.setPagesPerGroup(workload.pagesPerGroup);
  const queue = await driver.openQueue(bond.pasid, ring, RING_LOG2);
  let outcome: Output;
  let jobs = 0;
  if (typeof queue === "number") outcome = { ok: false, error: `no queue of endpoint ${driver.endpoint.name} is free` };
  else {
    const run: Run = { driver, queue, mm, viommu, file, completion, workload, jobs: 0 };
    outcome = workload.operation === "copy" ? await copyFile(run, progress) : await reduceFile(run, progress);
    jobs = run.jobs;
    await driver.closeQueue(queue);
  }
  await munmap(mm, ring, viommu);
  await munmap(mm, completion, viommu);
  await iommu_sva_unbind_device(viommu, bond);
  await mmput(mm);
  return result(jobs, outcome);
}

function submit(run: Run, source: number, destination: number, length: number): Promise<JobResult> {
  run.jobs++;
  return runJob(run.driver, run.queue, run.mm, run.viommu, {
    operation: run.workload.operation,
    source,
    destination,
    length,
    completion: run.completion,
    timeoutNs: run.workload.jobTimeoutNs,
  });
}

async function copyFile(run: Run, progress: (bytesDone: number) => void): Promise<Output> {
  const output = new Uint8Array(run.file.size);
  for (let done = 0; done < run.file.size; ) {
    const length = Math.min(COPY_CHUNK_BYTES, run.file.size - done);
    const source = run.mm.mmap(length, { read: true, write: false }, run.file.name, run.file, done);
    const destination = run.mm.mmap(length, { read: true, write: true }, "result");
    const job = await submit(run, source, destination, length);
    const copied = job.ok ? await readUser(run.mm, destination, length) : null;
    await munmap(run.mm, source, run.viommu);
    await munmap(run.mm, destination, run.viommu);
    if (!job.ok) return job;
    if (!copied) return { ok: false, error: "the guest is out of memory for the result" };
    output.set(copied, done);
    done += length;
    progress(done);
  }
  return { ok: true, output };
}

/** crc32c, sha256 and gzip: one job over the whole file. */
async function reduceFile(run: Run, progress: (bytesDone: number) => void): Promise<Output> {
  const { file, mm, workload } = run;
  if (file.size === 0) return { ok: false, error: `${file.name} is empty: the device takes no job of length 0` };
  const source = mm.mmap(file.size, { read: true, write: false }, file.name, file);
  const destination = mm.mmap(workload.operation === "gzip" ? gzipBound(file.size) : SHA256_BYTES, { read: true, write: true }, "result");
  const job = await submit(run, source, destination, file.size);
  let outcome: Output = job.ok ? { ok: false, error: "the guest is out of memory for the result" } : job;
  if (job.ok && workload.operation === "crc32c") {
    const crc = new Uint8Array(CRC_BYTES);
    new DataView(crc.buffer).setUint32(0, Number(job.result), true);
    outcome = { ok: true, output: crc };
  } else if (job.ok) {
    const bytes = await readUser(mm, destination, workload.operation === "gzip" ? Number(job.result) : SHA256_BYTES);
    if (bytes) outcome = { ok: true, output: bytes };
  }
  await munmap(mm, source, run.viommu);
  await munmap(mm, destination, run.viommu);
  if (outcome.ok) progress(file.size);
  return outcome;
}
