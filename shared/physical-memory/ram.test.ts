import { describe, expect, it } from "vitest";
import { giveBackHeapMemory, heapMemory } from "./heap.ts";

const ram = () => heapMemory(0x4000_0000, 0x4000);

describe("physical memory", () => {
  it("is little-endian, and a doubleword's halves are where the bytes are", () => {
    const memory = ram();
    expect(memory.store64(0x4000_0008, 0x55667788, 0x11223344)).toBe(true);
    expect(Array.from(memory.read(0x4000_0008, 8)!)).toEqual([0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11]);
    const halves = new Uint32Array(2);
    expect(memory.load64(0x4000_0008, halves)).toBe(true);
    expect(Array.from(halves)).toEqual([0x55667788, 0x11223344]);
  });
  it("does not answer outside RAM, also where an access begins inside", () => {
    const memory = ram();
    expect(memory.read(0x4000_3ffc, 8)).toBeNull();
    expect(memory.load64(0x3fff_fff8, new Uint32Array(2))).toBe(false);
    expect(memory.store32(0x4000_4000, 1)).toBe(false);
    expect(memory.write(0x4000_3fff, new Uint8Array(2))).toBe(false);
    expect(memory.load32(0x9_0000_0000)).toBeNull();
  });
  it.each([
    ["below 4 GiB", 0x4000_0000],
    ["across 4 GiB", 0xffff_e000],
    ["above 4 GiB", 0x12_ffff_e000],
  ])("loads by halves what it loads by number, %s", (_where, base) => {
    const memory = heapMemory(base, 0x4000);
    const [whole, halves] = [new BigUint64Array(1), new Uint32Array(2)];
    const byHalves = (address: number) => memory.load64Halves(Math.floor(address / 2 ** 32), address | 0, whole);
    for (let offset = 0; offset < 0x4000; offset += 0xff8) memory.store64(base + offset, offset, 0xfedc_0000 + offset);
    for (let offset = 0; offset < 0x4000; offset += 0xff8) {
      expect(byHalves(base + offset)).toBe(true);
      memory.load64(base + offset, halves);
      expect(whole[0]).toBe((BigInt(halves[1]) << 32n) | BigInt(halves[0]));
    }
    for (const outside of [base - 8, base + 0x4000, base + 2 ** 32, base + 2 ** 35, 0]) expect(byHalves(outside)).toBe(false);
  });
  it.each([
    ["all of it below 4 GiB", 0x4000_0000, 0x800],
    ["its part below 4 GiB", 0xffff_e000, 0x400],
    ["nothing above 4 GiB", 0x1_0000_0000, undefined],
  ])("shows a hot path its doublewords: %s", (_where, base, count) => {
    const memory = heapMemory(base, 0x4000);
    memory.store64(base + 0x1ff8, 0x1234_5678, 0x9abc_def0);
    const { window } = memory;
    expect(window?.doublewords.length).toBe(count);
    if (window) expect(window.doublewords[(base + 0x1ff8) / 8 - window.first]).toBe(0x9abc_def0_1234_5678n);
  });
  it("replaces a doubleword only while it still equals what was expected", () => {
    const memory = ram();
    memory.store64(0x4000_0010, 1, 2);
    expect(memory.compareExchange64(0x4000_0010, 1, 3, 9, 9)).toBe(false);
    expect(memory.compareExchange64(0x4000_0010, 1, 2, 0xffffffff, 0x80000000)).toBe(true);
    const halves = new Uint32Array(2);
    memory.load64(0x4000_0010, halves);
    expect(Array.from(halves)).toEqual([0xffffffff, 0x80000000]);
  });
  it("keeps an owner epoch of each kernel beside every frame", () => {
    const memory = ram();
    memory.setOwner(0x4000_1abc, "host", 7);
    memory.setOwner(0x4000_1000, "guest", 9);
    expect(memory.owner(0x4000_1fff)).toEqual({ host: 7, guest: 9 });
    expect(memory.owner(0x4000_2000)).toEqual({ host: 0, guest: 0 });
  });
  it.each<[string, (memory: ReturnType<typeof ram>) => void]>([
    ["a doubleword", (memory) => void memory.store64(0x4000_1ff8, 1, 2)],
    ["a word", (memory) => void memory.store32(0x4000_1004, 3)],
    ["an exchange", (memory) => void memory.compareExchange64(0x4000_1010, 0, 0, 4, 5)],
    ["bytes that begin before the frame", (memory) => void memory.write(0x4000_0fff, Uint8Array.of(6, 7))],
    ["bytes that end in it", (memory) => void memory.write(0x4000_0800, new Uint8Array(0x801).fill(8))],
  ])("zeroes a whole frame, whatever was stored into it: %s", (_what, store) => {
    const memory = ram();
    store(memory);
    expect(memory.read(0x4000_1000, 0x1000)!.some((byte) => byte !== 0)).toBe(true);
    expect(memory.zeroFrame(0x4000_1000)).toBe(true);
    expect(memory.read(0x4000_1000, 0x1000)).toEqual(new Uint8Array(0x1000));
  });
  it("zeroes one frame and no other, and none outside RAM", () => {
    const memory = ram();
    memory.write(0x4000_0000, new Uint8Array(0x4000).fill(9));
    expect([memory.zeroFrame(0x4000_2000), memory.zeroFrame(0x4000_4000), memory.zeroFrame(0x3fff_f000)]).toEqual([true, false, false]);
    expect([0x4000_1fff, 0x4000_2000, 0x4000_2fff, 0x4000_3000].map((at) => memory.read(at, 1)![0])).toEqual([9, 0, 0, 9]);
  });
});

describe("the RAM of a machine that is over", () => {
  const BASE = 0x7_0000_0000;

  it("is the next machine's of the same base and size, as at power on: zeros, and frames that nobody owns", () => {
    const first = heapMemory(BASE, 0x4000);
    first.write(BASE + 0xffe, Uint8Array.of(1, 2, 3, 4)); // over the end of a frame
    first.store64(BASE + 0x2000, 5, 6);
    first.compareExchange64(BASE + 0x3000, 0, 0, 7, 8);
    first.store32(BASE + 0x3ffc, 9);
    first.setOwner(BASE + 0x1000, "guest", 10);
    giveBackHeapMemory(first);
    const next = heapMemory(BASE, 0x4000);
    expect(next).toBe(first);
    expect(next.read(BASE, 0x4000)!.every((byte) => byte === 0)).toBe(true);
    expect(next.owner(BASE + 0x1000)).toEqual({ host: 0, guest: 0 });
  });
  it("is nobody's twice, and no machine's of another base or size", () => {
    const first = heapMemory(BASE, 0x4000);
    giveBackHeapMemory(first);
    expect(heapMemory(BASE, 0x8000)).not.toBe(first);
    expect(heapMemory(BASE + 0x4000, 0x4000)).not.toBe(first);
    expect(heapMemory(BASE, 0x4000)).toBe(first);
    expect(heapMemory(BASE, 0x4000)).not.toBe(first);
  });
});
