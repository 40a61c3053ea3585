import { describe, expect, it } from "vitest";
import { withPhases } from "./phase.ts";
import { type Line, written } from "./test-support/written-history.ts";

describe("a violation names its phase (issue 6, 5: safety under faults, then heal and liveness)", () => {
  const event: Line = ["smmu", "endpoint.flr", { sid: "0x8" }];
  const history = written(event, event, ["lab", "lab.heal", {}, { withinNs: 1e9 }], event);
  const violation = (message: string, ...events: number[]) => ({ invariant: "INV-1", message, events });
  it("by the last of its events", () => {
    expect(withPhases([violation("a", 1, 2), violation("b", 2, 4)], history).map(({ message }) => message)).toEqual(["a (under the faults)", "b (after heal at #3)"]);
  });
  it("once: what speaks of heal has said it, what has no event cannot", () => {
    expect(withPhases([violation("late, 2 ms after heal at #3", 4), violation("c")], history).map(({ message }) => message)).toEqual([
      "late, 2 ms after heal at #3",
      "c",
    ]);
  });
  it("not in a run that never heals: it has one phase", () => {
    expect(withPhases([violation("a", 1)], written(event))).toEqual([violation("a", 1)]);
  });
});
