import type { Workload } from "@faultline/shared/linux/workload.ts";
import { type JobResult, runJob } from "../device-driver/job.ts";
import type { File } from "../mm/file-system.ts";
import { munmap } from "../mm/munmap.ts";
import { readUser } from "../mm/user-access.ts";
import type { UserProcess } from "./user-process.ts";

const SHA256_BYTES = 32,
  CRC_BYTES = 4;
/** RFC 1951: stored blocks of 65,535 bytes cost 5 each; the member's header and trailer 18. */
export const gzipBound = (bytes: number): number => bytes + 5 * Math.ceil(bytes / 65535 + 1) + 18 + 64;

export interface FileRun {
  user: UserProcess;
  file: File;
  workload: Workload;
  /** A copy needs a frame for each page of source and destination at once, so a large one is several jobs. */
  copyChunkBytes: number;
  jobs: number;
}
export type Output = { ok: true; output: Uint8Array } | { ok: false; error: string };

/** One operation over the whole file, by one process: plain pointers to memory that nobody has touched yet, and the result read as the process' own memory. */
export const runFile = (run: FileRun, progress: (bytesDone: number) => void): Promise<Output> =>
  run.workload.operation === "copy" ? copyFile(run, progress) : reduceFile(run, progress);

function submit(run: FileRun, source: number, destination: number, length: number): Promise<JobResult> {
  run.jobs++;
  const { operation, jobTimeoutNs } = run.workload;
  return runJob(run.user, { operation, source, destination, length, completion: run.user.completion, timeoutNs: jobTimeoutNs });
}

async function copyFile(run: FileRun, progress: (bytesDone: number) => void): Promise<Output> {
  const { file } = run;
  const { mm } = run.user;
  const output = new Uint8Array(file.size);
  for (let done = 0; done < file.size; ) {
    const length = Math.min(run.copyChunkBytes, file.size - done);
    const source = mm.mmap(length, { read: true, write: false }, file.name, file, done);
    const destination = mm.mmap(length, { read: true, write: true }, "result");
    const job = await submit(run, source, destination, length);
    const copied = job.ok ? await readUser(mm, destination, length) : null;
    await munmap(mm, source);
    await munmap(mm, destination);
    if (!job.ok) return job;
    if (!copied) return { ok: false, error: "the guest is out of memory for the result" };
    output.set(copied, done);
    done += length;
    progress(done);
  }
  return { ok: true, output };
}

/** crc32c, sha256 and gzip: one job over the whole file. */
async function reduceFile(run: FileRun, progress: (bytesDone: number) => void): Promise<Output> {
  const { file, workload } = run;
  const { mm } = run.user;
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
  await munmap(mm, source);
  await munmap(mm, destination);
  if (outcome.ok) progress(file.size);
  return outcome;
}
