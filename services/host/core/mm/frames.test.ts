import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import { describe, expect, it } from "vitest";
import { Frames } from "./frames.ts";

const BASE = 0x40000000;

describe("the host's frames (design.md, section 3)", () => {
  it("gives frames that are not neighbours, zeroed, each with a new epoch", () => {
    const memory = heapMemory(BASE, 2 ** 20);
    memory.write(BASE, new Uint8Array(2 ** 20).fill(0xaa));
    const frames = new Frames(memory);
    const got = [frames.alloc(), frames.alloc(), frames.alloc()] as number[];
    expect(got.slice(1).every((pa, i) => Math.abs(pa - got[i]) > 4096)).toBe(true);
    expect(memory.read(got[1], 8)).toEqual(new Uint8Array(8));
    expect(memory.owner(got[0]).host).not.toBe(memory.owner(got[1]).host);
  });

  it("hands every frame out once and then none", () => {
    const frames = new Frames(heapMemory(BASE, 64 * 4096));
    const got = new Set(Array.from({ length: 64 }, () => frames.alloc()));
    expect(got.size).toBe(64);
    expect(frames.alloc()).toBeNull();
  });

  it("poisons a freed frame and changes its owner", () => {
    const memory = heapMemory(BASE, 64 * 4096);
    const frames = new Frames(memory);
    const pa = frames.alloc() as number;
    const before = memory.owner(pa).host;
    frames.free(pa);
    expect(memory.read(pa, 2)).toEqual(new Uint8Array([0x6b, 0x6b]));
    expect(memory.owner(pa).host).toBeGreaterThan(before);
  });

  it("aligns a run of frames to its size", () => {
    const frames = new Frames(heapMemory(BASE, 64 * 4096));
    frames.allocContiguous(4096, 4096);
    expect(frames.allocContiguous(16384, 16384)).toBe(BASE + 16384);
    expect(frames.allocContiguous(2 ** 20, 4096)).toBeNull();
  });

  it("throws when a pinned or a free frame is freed: that is our bug", () => {
    const frames = new Frames(heapMemory(BASE, 64 * 4096));
    const pa = frames.alloc() as number;
    frames.pin(pa);
    expect(() => frames.free(pa)).toThrow("pinned");
    frames.unpin(pa);
    frames.free(pa);
    expect(() => frames.free(pa)).toThrow("twice");
  });
});
