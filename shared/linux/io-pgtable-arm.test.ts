import { describe, expect, it } from "vitest";
import { walkTable } from "../arm-vmsa/table-walk.ts";
import { heapMemory } from "../physical-memory/heap.ts";
import { IoPgtable } from "./io-pgtable-arm.ts";

const BASE = 0x40000000;
function table(format: "stage1" | "stage2", frames = 64, inputBits = 48) {
  const memory = heapMemory(BASE, 2 ** 20);
  let next = BASE;
  let left = frames;
  const pgtable = new IoPgtable({ memory, allocFrame: () => (left-- > 0 ? (next += 4096) : null), freeFrame: () => left++, format, inputBits, outputBits: 48 });
  return { memory, pgtable };
}
/** The leaf's descriptor as 16 hex digits. */
function leaf(memory: ReturnType<typeof heapMemory>, root: number, levels: number, iova: number): string {
  const out = new Uint32Array(2);
  let at = root;
  for (let level = 4 - levels; ; level++) {
    memory.load64(at + 8 * (Math.floor(iova / 2 ** (12 + 9 * (3 - level))) % 512), out);
    if (level === 3 || (out[0] & 3) === 1) return out[1].toString(16).padStart(8, "0") + out[0].toString(16).padStart(8, "0");
    at = (out[1] & 0xffff) * 2 ** 32 + ((out[0] & 0xfffff000) >>> 0);
  }
}

describe("no memory (alloc_io_pgtable_ops)", () => {
  const memory = heapMemory(BASE, 2 ** 20);
  const options = { memory, freeFrame: () => {}, format: "stage1" as const, inputBits: 48, outputBits: 48 };
  it("for the start table is null, and nothing is written", () => {
    expect(IoPgtable.alloc({ ...options, allocFrame: () => null })).toBeNull();
  });
  it("for a lower table is -ENOMEM of map; the start table is the frame that was given", () => {
    let frames = 1;
    const pgtable = IoPgtable.alloc({ ...options, allocFrame: () => (frames-- > 0 ? BASE + 0x3000 : null) });
    expect(pgtable?.root).toBe(BASE + 0x3000);
    expect(pgtable?.map(0, BASE, 4096, { read: true, write: true })).toBe(-12);
  });
});

describe("io-pgtable-arm encodings (page-tables.md, section 10)", () => {
  it.each<["stage1" | "stage2", object, string]>([
    ["stage1", { read: true, write: true }, "000000012345ff47"],
    ["stage1", { read: true, write: false }, "000000012345ffc7"],
    ["stage1", { read: true, write: true, device: true }, "000000012345fe4b"],
    ["stage2", { read: true, write: true }, "000000012345f7ff"],
    ["stage2", { read: true, write: false }, "000000012345f77f"],
    ["stage2", { read: true, write: true, device: true }, "000000012345f6c7"],
    ["stage2", { read: true, write: true, exec: false }, "006000012345f7ff"],
  ])("%s %o", (format, prot, expected) => {
    const { memory, pgtable } = table(format);
    expect(pgtable.map(0x7f1234567000, 0x12345f000, 4096, prot as { read: boolean; write: boolean })).toBe(0);
    expect(leaf(memory, pgtable.root, 4, 0x7f1234567000)).toBe(expected);
    expect(pgtable.lookup(0x7f1234567abc)).toMatchObject({ pa: 0x12345fabc, sizeBytes: 4096 });
  });

  it("uses a 2 MiB block at stage 2 where both addresses allow it", () => {
    const { memory, pgtable } = table("stage2", 64, 39);
    expect(pgtable.map(0x80000000, 0x40000000, 2 ** 21, { read: true, write: true })).toBe(0);
    expect(leaf(memory, pgtable.root, 3, 0x80000000)).toBe("00000000400007fd");
    expect(walkTable(memory, 2, pgtable.root, 1, 39, 0x80123456, true)).toBe(0x40123456);
    expect(pgtable.unmap(0x80000000, 4096)).toBe(0);
    expect(pgtable.unmap(0x80000000, 2 ** 21)).toBe(2 ** 21);
    expect(pgtable.lookup(0x80000000)).toBeNull();
  });

  it("describes 48 and 39 input bits in VTCR", () => {
    expect(table("stage2").pgtable.vtcr.toString(16)).toBe("53590");
    expect(table("stage2", 64, 39).pgtable.vtcr.toString(16)).toBe("53559");
  });

  it("refuses an overlap, and leaves nothing of a map that ran out of memory", () => {
    const { pgtable } = table("stage1", 5);
    expect(pgtable.map(0x1ff000, 0x40000000, 4096, { read: true, write: true })).toBe(0);
    expect(pgtable.map(0x1ff000, 0x40000000, 4096, { read: true, write: true })).toBe(-17);
    expect(pgtable.map(0x3ff000, 0x40000000, 3 * 4096, { read: true, write: true })).toBe(-12);
    expect(pgtable.lookup(0x3ff000)).toBeNull();
    expect(pgtable.map(0x1000, 0x40000001, 4096, { read: true, write: true })).toBe(-22);
    expect(pgtable.map(2 ** 48 - 4096, 0x40000000, 8192, { read: true, write: true })).toBe(-34);
  });

  it("changes permissions in place, and a walk for a write then fails", () => {
    const { memory, pgtable } = table("stage1");
    pgtable.map(0x1000, 0x40005000, 4096, { read: true, write: true });
    expect(walkTable(memory, 1, pgtable.root, 0, 48, 0x1008, true)).toBe(0x40005008);
    expect(pgtable.protect(0x1000, 4096, { read: true, write: false })).toBe(4096);
    expect(walkTable(memory, 1, pgtable.root, 0, 48, 0x1008, true)).toBeNull();
    expect(walkTable(memory, 1, pgtable.root, 0, 48, 0x1008, false)).toBe(0x40005008);
  });
});
