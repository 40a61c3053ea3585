import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { describe, expect, it } from "vitest";
import { FrameAllocator } from "./frames.ts";

const GPA = 0x80000000;
function setUp() {
  const memory = heapMemory(GPA, 8 * 4096);
  const frames = new FrameAllocator(memory, [{ gpa: GPA, size: 8 * 4096 }]);
  const told: number[] = [];
  frames.overwritten = (gpa) => told.push(gpa);
  return { memory, frames, told };
}

describe("a frame that is written to while it is free", () => {
  it("shows when it is taken again, once", () => {
    const { memory, frames, told } = setUp();
    const gpa = frames.alloc()!;
    frames.free(gpa);
    memory.write(gpa + 100, Uint8Array.of(1));
    expect(frames.alloc()).toBe(gpa);
    expect([told, frames.overwrittenCount]).toEqual([[gpa], 1]);
    expect(memory.read(gpa, 4096)!.every((byte) => byte === 0)).toBe(true);
  });
  it("shows when every free frame is looked at, and then no more", () => {
    const { memory, frames, told } = setUp();
    const gpa = frames.alloc()!;
    frames.free(gpa);
    memory.write(gpa, Uint8Array.of(1));
    frames.checkPoison();
    frames.checkPoison();
    frames.alloc();
    expect(told).toEqual([gpa]);
  });
  it("is no other: neither one that nobody touched, nor one that was never taken, nor one whose owner writes", () => {
    const { memory, frames, told } = setUp();
    const gpa = frames.alloc()!;
    memory.write(gpa, Uint8Array.of(1));
    frames.free(gpa);
    memory.write(GPA + 5 * 4096, Uint8Array.of(1));
    frames.checkPoison();
    while (frames.alloc() !== null) {}
    expect(told).toEqual([]);
  });
});

describe("the guest's frames over several memory slots", () => {
  const slots = [
    { gpa: GPA + 0x10000, size: 4 * 4096 },
    { gpa: GPA, size: 3 * 4096 },
  ];
  const allocator = () => new FrameAllocator(heapMemory(GPA, 0x14000), slots);

  it("are taken lowest first, those that were given back before all others", () => {
    const frames = allocator();
    expect([frames.alloc(), frames.alloc()]).toEqual([GPA, GPA + 0x1000]);
    frames.free(GPA);
    frames.free(GPA + 0x1000);
    expect([frames.alloc(), frames.alloc(), frames.alloc(), frames.alloc()]).toEqual([GPA + 0x1000, GPA, GPA + 0x2000, GPA + 0x10000]);
    expect([frames.freeCount, frames.total]).toEqual([3, 7]);
  });
  it("are contiguous and aligned where that is asked for, inside one slot, and not given a second time", () => {
    const frames = allocator();
    expect(frames.allocContiguous(0x2000)).toBe(GPA);
    expect(frames.allocContiguous(0x4000)).toBe(GPA + 0x10000);
    expect(frames.allocContiguous(0x2000)).toBe(null);
    expect([frames.alloc(), frames.alloc()]).toEqual([GPA + 0x2000, null]);
    expect(frames.freeCount).toBe(0);
    frames.free(GPA + 0x10000, 0x4000);
    expect(frames.allocContiguous(0x2000)).toBe(GPA + 0x10000);
    expect(frames.alloc()).toBe(GPA + 0x13000);
  });
});
