import { defaultMachine, type Machine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { judge } from "../checkers/index.ts";
import { SimulatedMachine } from "../simulation/machine.ts";
import { stopTheFlow, switchesOption } from "./switches.ts";

const input = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 31 + (i >> 7)) & 0xff);
async function run(switches: readonly string[], { smmu = {}, abi = "review" }: { smmu?: Partial<Machine["smmu"]>; abi?: Machine["abi"] } = {}) {
  const machine = new SimulatedMachine({ ...defaultMachine, abi, smmu: { ...defaultMachine.smmu, ...smmu } }, { seed: 1, switches: new Set(switches) });
  const booted = await machine.boot().then(
    () => true,
    () => false,
  );
  const end =
    booted &&
    (await machine.runWorkload([{ name: "input", bytes: input }], { operation: "copy", file: "input", pagesPerGroup: 4, jobTimeoutNs: 1e9 }, { limitNs: 10e9 }));
  return { served: end !== false && end.ended && end.value.ok, history: machine.history };
}

describe("--defects as-posted (design.md, section 5; closing note of spec/rfc-review.md)", () => {
  it.each(["review", "rfc-v1"] as const)(
    "is every defect but those with which no fault is served; page faults are served over %s, and the checkers name what is wrong",
    async (abi) => {
      const switches = switchesOption("defects", "as-posted");
      expect(switches).toEqual(expect.arrayContaining(["RR-09", "RR-26", "RR-84"]));
      expect(switches.filter((id) => stopTheFlow.has(id) || !id.startsWith("RR-"))).toEqual([]);
      const { served, history } = await run(switches, { abi });
      expect(served).toBe(true);
      expect(new Set(judge(history).map(({ invariant }) => invariant))).toContain("ORD-FREE");
    },
  );
  it("mixes with other ids, and an unknown one is refused by name", () => {
    expect(switchesOption("defects", "as-posted, RR-53").at(-1)).toBe("RR-53");
    expect(() => switchesOption("defects", "as-reviewed")).toThrow(/as-reviewed is unknown: as-posted, RR-/);
  });
  it.each(["RR-04", "RR-19", "RR-32", "RR-51", "RR-53", "RR-89"])("%s alone stops the flow", async (id) => {
    expect((await run([id])).served).toBe(false);
  });
  it("RR-37 stops it where the PASID table is linear", async () => {
    expect((await run(["RR-37"])).served).toBe(true);
    expect((await run(["RR-37"], { smmu: { ssidBits: 10 } })).served).toBe(false);
  });
});
