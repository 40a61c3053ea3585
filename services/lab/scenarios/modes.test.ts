import { describe, expect, it } from "vitest";
import { loadScenario } from "./load-scenario.ts";
import { modesOf, refusalOf } from "./modes.ts";
import type { PartFault } from "./part-fault.ts";

const fault = (change: Partial<PartFault>): { partFaults: PartFault[] } => ({
  partFaults: [{ id: "fault-0", part: "vmm0", do: "pause", ways: "both", when: { nth: 1 }, ...change }],
});

describe("what a mode cannot do it refuses by name, before the run starts (issue 6, 3)", () => {
  it("anything to a part that somebody else started", () => {
    for (const action of ["kill", "pause", "resume", "restart", "partition"] as const) expect(refusalOf(fault({ do: action }), "connected")).toContain(`${action} vmm0`);
    expect(refusalOf({ partFaults: [] }, "connected")).toBeNull();
  });
  it("what only the simulation shows", () => {
    expect(refusalOf({ partFaults: [], simOnly: "it needs virtual time" }, "containers")).toBe("runs in --mode sim only: it needs virtual time");
  });
  it("and a scenario knows its modes", () => {
    expect(modesOf(loadScenario("vmm-is-not-heard"))).toEqual(["sim", "processes", "containers"]);
    expect(modesOf(loadScenario("drop-page-response"))).toEqual(["sim", "processes", "containers"]);
  });
});
