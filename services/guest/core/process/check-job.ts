import { COMPLETION_STATUS } from "@faultline/shared/accelerator/completion.ts";
import { crc32c } from "@faultline/shared/accelerator/crc32c.ts";
import type { JobResult } from "../device-driver/job.ts";
import type { Mm } from "../mm/mm.ts";
import { munmap } from "../mm/munmap.ts";
import { readUser, writeUser } from "../mm/user-access.ts";
import type { DrawnJob } from "./draw-program.ts";
import { gunzip } from "./gunzip.ts";
import { gzipBound } from "./run-file.ts";
import { sha256 } from "./sha256.ts";

const SHA256_BYTES = 32,
  PAGE = 4096;

/** Bytes of the destination that a job needs; a page where the operation writes nothing. */
export function destinationBytes({ operation, length }: DrawnJob): number {
  if (operation === "copy" || operation === "fill" || operation === "compare") return length;
  return operation === "gzip" ? gzipBound(length) : PAGE;
}

/** What a compare is to find in its destination. */
export function compareData({ length, differsAt }: DrawnJob, source: Uint8Array): Uint8Array {
  const bytes = source.slice(0, length);
  if (differsAt !== null) bytes[differsAt] ^= 0xff;
  return bytes;
}

/** Compares what the device reported and wrote with what the CPU computes from the same source (data sheet, shared/accelerator). null: right; else a sentence. */
export async function checkJob(mm: Mm, job: DrawnJob, source: Uint8Array, destination: number, done: JobResult): Promise<string | null> {
  const { operation, length, differsAt } = job;
  if (operation === "compare" && differsAt !== null) {
    const found = !done.ok && done.status === COMPLETION_STATUS.MISMATCH && Number(done.result) === differsAt;
    return found ? null : `compare did not find the byte that differs at ${differsAt}: ${done.ok ? "success" : done.error}`;
  }
  if (!done.ok) return done.error;
  if (operation === "nop" || operation === "compare") return null;
  const input = source.subarray(0, length);
  if (operation === "crc32c") return Number(done.result) === crc32c(input) ? null : `crc32c of ${length} bytes is wrong`;
  const written = operation === "gzip" ? Number(done.result) : operation === "sha256" ? SHA256_BYTES : length;
  const bytes = await readUser(mm, destination, written);
  if (!bytes) return `the destination of ${operation} cannot be read`;
  const right = {
    copy: () => equal(bytes, input),
    fill: () => bytes.every((byte, i) => byte === patternByte(job.pattern, i)),
    sha256: () => equal(bytes, sha256(input)),
    gzip: () => equal(gunzip(bytes), input),
  }[operation]();
  return right ? null : `data mismatch: what ${operation} of ${length} bytes wrote is not what the CPU reads`;
}

/** Memory that the process maps right after the device lost some, so that it gets the same frames: nobody but the process may write to it. */
export interface Canary {
  start: number;
  bytes: Uint8Array;
}

/** null: out of memory. */
export async function mapCanary(mm: Mm, length: number, pattern: bigint): Promise<Canary | null> {
  const start = mm.mmap(length, { read: true, write: true }, "canary");
  const bytes = Uint8Array.from({ length }, (_, i) => patternByte(pattern, i));
  return (await writeUser(mm, start, bytes)) ? { start, bytes } : null;
}

/** Unmaps it. null: it is as it was; else a sentence. */
export async function checkCanary(mm: Mm, { start, bytes }: Canary): Promise<string | null> {
  const now = await readUser(mm, start, bytes.length);
  await munmap(mm, start);
  const at = now?.findIndex((byte, i) => byte !== bytes[i]) ?? 0;
  return at < 0 ? null : `data mismatch: memory mapped after an unmap was written to at byte ${at}: the device kept the frame`;
}

const patternByte = (pattern: bigint, i: number): number => Number((pattern >> BigInt(8 * (i % 8))) & 0xffn);
const equal = (a: Uint8Array | null, b: Uint8Array): boolean => a !== null && a.length === b.length && a.every((byte, i) => byte === b[i]);
