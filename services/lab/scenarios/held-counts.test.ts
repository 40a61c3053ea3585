import { describe, expect, it } from "vitest";
import { heldCounts } from "./held-counts.ts";

const baseline = {
  smmu: { commandQueueDepth: 0, tlbEntries: 3 },
  host: { pinned: 9, processes: 1 },
  vmm0: { guests: 1, endpoints: 1, outstanding: 0 },
  guest0: { bonds: 0, framesAllocated: 5 },
};
const ends = (end: Record<string, Record<string, number>>) =>
  Object.fromEntries(heldCounts(baseline, end).flatMap(({ who, phase, counts }) => (phase === "baseline" ? [] : [[who, [phase, counts]]])));

describe("what INV-5 and INV-9 compare", () => {
  it("is every part with itself; what a cache holds is nobody's to give back", () => {
    expect(ends(baseline)).toEqual({
      smmu: ["end", { commandQueueDepth: 0 }],
      host: ["end", { pinned: 9, processes: 1 }],
      vmm0: ["end", { guests: 1, endpoints: 1, outstanding: 0 }],
      guest0: ["end", { bonds: 0 }],
    });
  });
  it("of a guest that is gone for good is nothing in its VMM (spec/flow.md, abort matrix: guest crash)", () => {
    const { guest0: _, ...left } = baseline;
    expect(ends({ ...left, vmm0: { guests: 0, endpoints: 1, outstanding: 2 } }).vmm0).toEqual(["released", { guests: 0, outstanding: 2 }]);
  });
  it("of a VMM that is gone for good is nothing in the host (spec/flow.md, T7)", () => {
    expect(ends({ smmu: baseline.smmu, host: { pinned: 4, processes: 0 } }).host).toEqual(["released", { pinned: 4, processes: 0 }]);
  });
});
