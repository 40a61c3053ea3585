import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { heapMemory } from "./heap.ts";
import { EVERY_ADDRESS, SparseMemory } from "./sparse.ts";

describe("sparse physical memory (issue 4: memory not listed reads as zero, every address answers)", () => {
  it("answers every address of 52 bits with zero until it is written, and reading takes no memory", () => {
    const memory = new SparseMemory(EVERY_ADDRESS);
    const out = new Uint32Array([1, 1]);
    for (const address of [0, 0x4000_0000, 0x123_4567_8000, 2 ** 52 - 8]) {
      expect([memory.load64(address, out), ...out, memory.load32(address), memory.read(address, 3)]).toEqual([true, 0, 0, 0, new Uint8Array(3)]);
    }
    expect(memory.writtenBytes).toBe(0);
  });

  it("does not answer above 52 bits, nor outside the RAM that it was given", () => {
    const everything = new SparseMemory(EVERY_ADDRESS);
    expect([everything.read(2 ** 52 - 4, 8), everything.write(2 ** 52, new Uint8Array(1)), everything.load32(2 ** 52)]).toEqual([null, false, null]);
    const ram = new SparseMemory({ base: 0x4000_0000, size: 0x1000 });
    const out = new Uint32Array(2);
    expect([ram.load64(0x3fff_fff8, out), ram.store64(0x4000_1000, 1, 1), ram.compareExchange64(0x4000_1000, 0, 0, 1, 1)]).toEqual([false, false, null]);
    expect([ram.write(0x4000_0fff, new Uint8Array(2)), ram.store64(0x4000_0ff8, 1, 2)]).toEqual([false, true]);
  });

  it("keeps bytes that cross a frame, and frames far apart, apart", () => {
    const memory = new SparseMemory(EVERY_ADDRESS);
    memory.write(0x7fff_ffff_fffe, Uint8Array.of(1, 2, 3, 4));
    memory.write(0xf_0000_0000_0ffe, Uint8Array.of(5, 6, 7, 8));
    expect(memory.read(0x7fff_ffff_fffd, 6)).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 0));
    expect(memory.read(0xf_0000_0000_1000, 2)).toEqual(Uint8Array.of(7, 8));
    expect(memory.writtenBytes).toBe(4 * 4096);
  });

  it("is little-endian, and replaces a doubleword only where it still holds what was expected", () => {
    const memory = new SparseMemory(EVERY_ADDRESS);
    memory.store64(0x8000, 0x0403_0201, 0x0807_0605);
    expect(memory.read(0x8000, 8)).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(memory.compareExchange64(0x8000, 0x0403_0201, 0, 9, 9)).toBe(false);
    expect(memory.compareExchange64(0x8000, 0x0403_0201, 0x0807_0605, 9, 0xffff_ffff | 0)).toBe(true);
    expect([memory.load32(0x8000), memory.load32(0x8004)]).toEqual([9, 0xffff_ffff]);
  });

  it("is zero again after clear, also where its frames are used again", () => {
    const memory = new SparseMemory(EVERY_ADDRESS);
    memory.write(0x1000, new Uint8Array(8192).fill(0xff));
    memory.clear();
    memory.store32(0x5000, 1);
    expect([memory.load32(0x1000), memory.load32(0x5000), memory.load32(0x5004)]).toEqual([0, 1, 0]);
  });

  it("holds what a flat RAM holds after the same accesses", () => {
    const access = fc.record({ at: fc.integer({ min: -16, max: 0x3010 }), bytes: fc.uint8Array({ minLength: 1, maxLength: 9000 }) });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 20 }), (accesses) => {
        const [flat, sparse] = [heapMemory(0x4000_0000, 0x3000), new SparseMemory({ base: 0x4000_0000, size: 0x3000 })];
        for (const { at, bytes } of accesses) expect(sparse.write(0x4000_0000 + at, bytes)).toBe(flat.write(0x4000_0000 + at, bytes));
        expect(sparse.read(0x4000_0000, 0x3000)).toEqual(flat.read(0x4000_0000, 0x3000));
      }),
      { numRuns: 50 },
    );
  });
});
