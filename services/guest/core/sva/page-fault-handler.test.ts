import { PasidAllocator } from "@faultline/shared/linux/pasid-allocator.ts";
import type { PageRequestFault } from "@faultline/shared/linux/report-device-fault.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { TestExecution } from "../../test-support/test-execution.ts";
import { FileSystem } from "../mm/file-system.ts";
import { FrameAllocator } from "../mm/frames.ts";
import { Mm } from "../mm/mm.ts";
import { readUser, writeUser } from "../mm/user-access.ts";
import { iopf_handle_single } from "./page-fault-handler.ts";

const PASID_VALID = 1,
  READ = 1,
  WRITE = 2,
  EXEC = 4,
  PRIV = 8;

function setUp(frameCount = 64) {
  const size = frameCount * 4096;
  const memory = heapMemory(0x80000000, size);
  const frames = new FrameAllocator(memory, [{ gpa: 0x80000000, size }]);
  const files = new FileSystem(memory, frames);
  const mm = Mm.create("process", {
    memory,
    frames,
    files,
    outputBits: 48,
    execution: new TestExecution(),
    tracer: silentTracer,
    switches: new Set(),
    alive: { alive: 0 },
  })!;
  const pasids = new PasidAllocator<Mm>();
  pasids.iommu_sva_alloc_pasid(mm, 1, 255);
  const handle = async (addr: number, perm: number, o: Partial<PageRequestFault> = {}) => {
    const { code, result } = await iopf_handle_single(pasids, { type: 2, flags: PASID_VALID, pasid: 1, grpid: 0, perm, addr: BigInt(addr), ...o });
    return [code, result];
  };
  return { memory, frames, files, mm, handle };
}

describe("one I/O page fault (iommu-core.md, section 6)", () => {
  it("IC-601: without a PASID INVALID, before anything else is looked at", async () => expect(await setUp().handle(0, READ, { flags: 0 })).toEqual([1, "no-pasid"]));
  it("IC-602: an unknown PASID is INVALID", async () => expect(await setUp().handle(0, READ, { pasid: 2 })).toEqual([1, "unknown-pasid"]));
  it("IC-602: a dying mm is INVALID", async () => {
    const { mm, handle } = setUp();
    mm.mm_users = 0;
    expect(await handle(0, READ)).toEqual([1, "dying-mm"]);
  });
  it("IC-603: an address that no mapping covers is INVALID, also the page after one", async () => {
    const { mm, handle } = setUp();
    const va = mm.mmap(4096, { read: true, write: true }, "anon");
    expect(await handle(va - 1, READ)).toEqual([1, "no-vma"]);
    expect(await handle(va + 4096, READ)).toEqual([1, "no-vma"]);
  });
  const permissions: [string, { read: boolean; write: boolean; exec?: boolean }, number, boolean][] = [
    ["read of a readable page", { read: true, write: false }, READ, true],
    ["write of a read-only page", { read: true, write: false }, WRITE, false],
    ["read of a write-only page", { read: false, write: true }, READ, false],
    ["execution of data", { read: true, write: true }, READ | EXEC, false],
    ["execution of code", { read: true, write: false, exec: true }, READ | EXEC, true],
    ["no permission at all (IC-605)", { read: true, write: false }, 0, true],
    ["privileged write (IC-606)", { read: true, write: true }, WRITE | PRIV, true],
  ];
  for (const [name, prot, perm, passes] of permissions) {
    it(`IC-604: ${name} is ${passes ? "SUCCESS" : "INVALID"}`, async () => {
      const { mm, handle } = setUp();
      const va = mm.mmap(4096, prot, "anon");
      expect(await handle(va, perm)).toEqual(passes ? [0, "success"] : [1, "permission"]);
      expect(mm.pageTable.lookup(va) !== null).toBe(passes);
    });
  }
  it("IC-607: out of memory is INVALID, and no reference to the mm is left", async () => {
    const { mm, frames, handle } = setUp();
    const va = mm.mmap(4096 * 100, { read: true, write: true }, "anon");
    while (frames.alloc() !== null);
    expect(await handle(va, WRITE)).toEqual([1, "oom"]);
    expect(mm.mm_users).toBe(1);
  });
  it("IC-607: beyond the end of the file is INVALID", async () => {
    const { mm, files, handle } = setUp();
    const va = mm.mmap(8192, { read: true, write: false }, "f", files.create("f", new Uint8Array(100)));
    expect(await handle(va + 4096, READ)).toEqual([1, "sigbus"]);
  });
  it("brings a file page in at its fault, with the file's bytes, read-only for the user, nG", async () => {
    const { mm, files, memory, handle } = setUp();
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i & 0xff);
    const va = mm.mmap(5000, { read: true, write: true }, "f", files.create("f", bytes));
    expect(mm.pageTable.lookup(va + 4096)).toBeNull();
    await handle(va + 4096 + 10, READ);
    const entry = mm.pageTable.lookup(va + 4096)!;
    expect(entry).toMatchObject({ write: false, user: true });
    expect(memory.read(entry.pa, 904)).toEqual(bytes.slice(4096));
  });
  it("copies a file page at the first write, invalidating the old translation before the new one exists", async () => {
    const { mm, files, memory, handle } = setUp();
    const va = mm.mmap(4096, { read: true, write: true }, "f", files.create("f", new Uint8Array(4096).fill(9)));
    await handle(va, READ);
    const old = mm.pageTable.lookup(va)!.pa;
    const seen: unknown[] = [];
    const invalidate_range = async (start: number, end: number) => {
      seen.push([start - va, end - va, mm.pageTable.lookup(va)]);
      return 0;
    };
    mm.notifiers.mmu_notifier_register({ invalidate_range, release: async () => 0 });
    expect(await handle(va, WRITE)).toEqual([0, "success"]);
    expect(seen).toEqual([[0, 4096, null]]);
    const entry = mm.pageTable.lookup(va)!;
    expect([entry.write, entry.pa === old, memory.read(entry.pa, 1)![0]]).toEqual([true, false, 9]);
  });
  it("a second fault of a present page is SUCCESS and changes nothing", async () => {
    const { mm, frames, handle } = setUp();
    const va = mm.mmap(4096, { read: true, write: true }, "anon");
    await handle(va, WRITE);
    const free = frames.freeCount;
    expect(await handle(va, WRITE)).toEqual([0, "success"]);
    expect(frames.freeCount).toBe(free);
  });
});

describe("the process' own accesses", () => {
  it("go through its page table and fault pages in, across a page border", async () => {
    const { mm } = setUp();
    const va = mm.mmap(8192, { read: true, write: true }, "anon");
    expect(await writeUser(mm, va + 4090, Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]))).toBe(true);
    expect([...(await readUser(mm, va + 4090, 8))!]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(mm.present.size).toBe(2);
  });
  it("end where no mapping is", async () => {
    const { mm } = setUp();
    expect(await readUser(mm, 0x1000, 1)).toBeNull();
    const va = mm.mmap(4096, { read: true, write: false }, "ro");
    expect(await writeUser(mm, va, new Uint8Array(1))).toBe(false);
  });
});
