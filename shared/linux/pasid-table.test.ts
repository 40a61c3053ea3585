import { describe, expect, it } from "vitest";
import { hexBytes } from "../codec/uint64.ts";
import { heapMemory } from "../physical-memory/heap.ts";
import { PasidTable } from "./pasid-table.ts";

const cd = { asid: 3, root: 0x80005000, inputBits: 48, outputBits: 48, shared: true };

/** A table whose syncs record what memory holds at that moment. */
function setUp(s1cdmax: number, o: { frames?: number; twoLevel?: boolean; ret?: number } = {}) {
  const memory = heapMemory(0x80000000, 1 << 20);
  let next = 0x80010000;
  let left = o.frames ?? Number.POSITIVE_INFINITY;
  const syncs: { ssid: number; leaf: boolean; valid: number | null }[] = [];
  const freed: number[] = [];
  let entry = 0;
  const table = PasidTable.alloc({
    memory,
    s1cdmax,
    twoLevel: o.twoLevel ?? true,
    alloc(bytes) {
      if (left-- <= 0) return null;
      const at = Math.ceil(next / bytes) * bytes;
      next = at + bytes;
      return at;
    },
    free: (address) => void freed.push(address),
    async sync(ssid, leaf) {
      syncs.push({ ssid, leaf, valid: entry ? memory.load32(entry)! >>> 31 : null });
      return o.ret ?? 0;
    },
  })!;
  return { memory, table, syncs, freed, watch: (address: number) => (entry = address) };
}

describe("CD library (iommu-core.md, section 8)", () => {
  it("writes the 64 bytes of a shared context descriptor", async () => {
    const { memory, table } = setUp(8);
    expect(await table.write(1, cd)).toBe(0);
    // T0SZ 16, WB/WB/IS, EPD1, V; IPS 5, AA64, R, A, ASID 3; TTB0; MAIR
    expect(hexBytes(memory.read(table.base + 64, 64)!)).toBe(`1035${"00c0"}0562${"0300"}0050008000000000${"00".repeat(8)}44ff04f4${"00".repeat(36)}`);
  });
  it("IC-801: an SSID beyond the table is -E2BIG", async () => expect(await setUp(8).table.write(256, cd)).toBe(-7));
  it("IC-802: no memory for a leaf is -ENOMEM and nothing is synchronised", async () => {
    const { table, syncs } = setUp(16, { frames: 1 });
    expect([await table.write(5, cd), syncs.length]).toEqual([-12, 0]);
  });
  it("IC-803: a new leaf is announced by a sync of the L1 descriptor, before those of the CD", async () => {
    const { table, syncs, memory } = setUp(16);
    await table.write(2000, cd);
    expect(table.s1fmt).toBe(2);
    expect(memory.load32(table.base + 8)! & 1).toBe(1); // leaf 1 holds SSIDs 1024 to 2047
    expect(syncs.map(({ ssid, leaf }) => [ssid, leaf])).toEqual([
      [2000, false],
      [2000, true],
      [2000, true],
    ]);
    await table.write(2001, cd);
    expect(syncs.slice(3).map(({ leaf }) => leaf)).toEqual([true, true]);
  });
  it("IC-804: null clears doubleword 0", async () => {
    const { table, memory } = setUp(8);
    await table.write(1, cd);
    await table.write(1, null);
    expect(hexBytes(memory.read(table.base + 64, 8)!)).toBe("0000000000000000");
  });
  it("IC-805: quiet keeps V, sets EPD0 and clears R and S", async () => {
    const { table, memory } = setUp(8);
    await table.write(1, cd);
    await table.write(1, "quiet");
    const [low, high] = [memory.load32(table.base + 64)!, memory.load32(table.base + 68)!];
    expect([low >>> 31, (low >>> 14) & 1, (high >>> 12) & 3]).toEqual([1, 1, 0]);
  });
  it("IC-806: on a valid entry only the ASID changes", async () => {
    const { table, memory, syncs } = setUp(8);
    await table.write(1, cd);
    const before = memory.read(table.base + 64, 64)!;
    await table.write(1, { ...cd, asid: 9, root: 0x80006000 });
    before[6] = 9;
    expect(hexBytes(memory.read(table.base + 64, 64)!)).toBe(hexBytes(before));
    expect(syncs.length).toBe(3);
  });
  it("IC-807: V = 1 comes after the first sync, so no half-written entry is ever valid", async () => {
    const { table, syncs, watch } = setUp(8);
    watch(table.base + 64);
    await table.write(1, cd);
    expect(syncs.map(({ valid }) => valid)).toEqual([0, 1]);
  });
  it("leaves the entry invalid when the first sync fails", async () => {
    const { table, memory } = setUp(8, { ret: -5 });
    expect(await table.write(1, cd)).toBe(-5);
    expect(memory.load32(table.base + 64)).toBe(0);
  });
  it("is linear with at most 10 bits when two levels are not allowed", () => {
    const { table } = setUp(20, { twoLevel: false });
    expect([table.s1fmt, table.s1cdmax]).toEqual([0, 10]);
  });
  it("gives the table and its leaves back", async () => {
    const { table, freed } = setUp(16);
    await table.write(1, cd);
    table.free();
    expect(freed.length).toBe(2);
  });
});
