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
