import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { ProgramOperation } from "@faultline/shared/linux/workload.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { TestExecution } from "../../test-support/test-execution.ts";
import type { JobResult } from "../device-driver/job.ts";
import { FileSystem } from "../mm/file-system.ts";
import { FrameAllocator } from "../mm/frames.ts";
import { Mm } from "../mm/mm.ts";
import { writeUser } from "../mm/user-access.ts";
import { checkCanary, checkJob, compareData, mapCanary } from "./check-job.ts";
import type { DrawnJob } from "./draw-program.ts";
import { SeededRandom } from "./seeded-random.ts";

const source = new SeededRandom(5, 0).bytes(8192);
const LENGTH = 5000;
const job = (operation: ProgramOperation, more: Partial<DrawnJob> = {}): DrawnJob => ({
  operation,
  length: LENGTH,
  pattern: 0x0807_0605_0403_0201n,
  differsAt: null,
  unmapAfterNs: null,
  ...more,
});
const success = (result = 0n): JobResult => ({ ok: true, bytesDone: LENGTH, result });

function newMm() {
  const memory = heapMemory(0x80000000, 64 * 4096);
  const frames = new FrameAllocator(memory, [{ gpa: 0x80000000, size: 64 * 4096 }]);
  const files = new FileSystem(memory, frames);
  return Mm.create("process", { memory, frames, files, outputBits: 48, execution: new TestExecution(), tracer: silentTracer, switches: new Set(), alive: { alive: 0 } })!;
}
/** What is said of a job that left `bytes` in its destination. */
async function said(drawn: DrawnJob, bytes: Uint8Array, done: JobResult): Promise<string | null> {
  const mm = newMm();
  const destination = mm.mmap(8192, { read: true, write: true }, "destination");
  await writeUser(mm, destination, bytes);
  return checkJob(mm, drawn, source, destination, done);
}

describe("what a process checks of a job (data sheet of the accelerator)", () => {
  const input = source.subarray(0, LENGTH);
  const packed = new Uint8Array(gzipSync(input));
  const written: [ProgramOperation, Uint8Array, bigint][] = [
    ["copy", input, 0n],
    ["fill", Uint8Array.from({ length: LENGTH }, (_, i) => (i % 8) + 1), 0n],
    ["sha256", createHash("sha256").update(input).digest(), 32n],
    ["gzip", packed, BigInt(packed.length)],
  ];
  for (const [operation, bytes, result] of written) {
    it(`${operation}: every byte counts, the last one too`, async () => {
      expect(await said(job(operation), bytes, success(result))).toBeNull();
      for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
        const wrong = bytes.slice();
        wrong[at] ^= 1;
        if (operation === "gzip" && at === 0) wrong[0] = 0;
        expect(await said(job(operation), wrong, success(result)), `byte ${at}`).toMatch(/^data mismatch: what .* of 5000 bytes wrote/);
      }
    });
  }
  it("crc32c: the result register, by the vector of RFC 3720 B.4", async () => {
    const zeroes = new Uint8Array(32);
    const drawn = job("crc32c", { length: 32 });
    expect(await checkJob(newMm(), drawn, zeroes, 0, success(0x8a9136aan))).toBeNull();
    expect(await checkJob(newMm(), drawn, zeroes, 0, success(0x8a9136abn))).toBe("crc32c of 32 bytes is wrong");
  });
  it("compare: success when nothing differs, else MISMATCH at the byte that does", async () => {
    const mismatch = (at: bigint): JobResult => ({ ok: false, status: 6, error: "compare mismatch", result: at });
    const differs = job("compare", { differsAt: 4321 });
    expect(compareData(differs, source).findIndex((byte, i) => byte !== source[i])).toBe(4321);
    expect(await said(job("compare"), input, success())).toBeNull();
    expect(await said(differs, input, mismatch(4321n))).toBeNull();
    expect(await said(differs, input, mismatch(4320n))).toMatch(/did not find the byte that differs at 4321/);
    expect(await said(differs, input, success())).toMatch(/did not find/);
    expect(await said(job("compare"), input, mismatch(0n))).toBe("compare mismatch");
  });
});

describe("the canary", () => {
  it("is whole when nobody else wrote to its frames, and tells the byte that somebody did", async () => {
    const mm = newMm();
    expect(await checkCanary(mm, (await mapCanary(mm, LENGTH, 0x0123_4567_89ab_cdefn))!)).toBeNull();
    const canary = (await mapCanary(mm, LENGTH, 0x0123_4567_89ab_cdefn))!;
    mm.ports.memory.write(mm.pageTable.lookup(canary.start + 4100)!.pa, Uint8Array.of(0x55));
    expect(await checkCanary(mm, canary)).toMatch(/was written to at byte 4100/);
    expect(mm.vmas).toEqual([]);
  });
});
