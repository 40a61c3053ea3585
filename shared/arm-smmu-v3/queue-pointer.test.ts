import { describe, expect, it } from "vitest";
import { increment, indexOf, isEmpty, isFull, used } from "./queue-pointer.ts";

describe("queue pointers (Arm IHI 0070 G.b, 3.5.1)", () => {
  it("wrap: after the last entry the index is 0 and the wrap bit toggles", () => {
    expect(increment(0b0111, 3)).toBe(0b1000);
    expect(increment(0b1111, 3)).toBe(0);
  });
  it("empty: index and wrap equal; full: same index, other wrap", () => {
    expect(isEmpty(0b1010, 0b1010, 3)).toBe(true);
    expect(isFull(0b1010, 0b0010, 3)).toBe(true);
    expect(isFull(0b1010, 0b1010, 3)).toBe(false);
  });
  it("a queue of one entry uses bit 0 as wrap", () => {
    expect(isFull(1, 0, 0)).toBe(true);
    expect(isEmpty(1, 1, 0)).toBe(true);
    expect(indexOf(1, 0)).toBe(0);
  });
  it("ignores bits above the wrap bit", () => expect(isEmpty(0x8000_0003, 3, 3)).toBe(true));
  it("counts the entries between CONS and PROD, also over the wrap", () => {
    expect(used(0b1001, 0b0111, 3)).toBe(2);
    expect(used(0b0001, 0b1111, 3)).toBe(2);
  });
});
