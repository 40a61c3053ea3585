import { describe, expect, it } from "vitest";
import type { Ways } from "../scenarios/part-fault.ts";
import { partsOf } from "../supervisor/parts.ts";
import { unheard } from "./cut-edges.ts";

const cut = (...cuts: [string, Ways][]) =>
  Object.fromEntries([...unheard(partsOf(2), new Map(cuts))].map(([name, from]) => [name, [...from].toSorted()]).filter(([, from]) => from.length > 0));

describe("who does not hear whom while parts are cut off (design.md, section 1: each edge exists once)", () => {
  it("from: its neighbours do not hear it; to: it does not hear them; both: both", () => {
    expect(cut(["vmm0", "from"])).toEqual({ host: ["vmm0"], guest0: ["vmm0"] });
    expect(cut(["vmm0", "to"])).toEqual({ vmm0: ["guest0", "host"] });
    expect(cut(["vmm0", "both"])).toEqual({ host: ["vmm0"], guest0: ["vmm0"], vmm0: ["guest0", "host"] });
  });
  it("the host has the SMMU and the VMM of each VM, the ends have one neighbour each", () => {
    expect(cut(["host", "to"])).toEqual({ host: ["smmu", "vmm0", "vmm1"] });
    expect(cut(["smmu", "both"])).toEqual({ host: ["smmu"], smmu: ["host"] });
    expect(cut(["guest1", "both"])).toEqual({ vmm1: ["guest1"], guest1: ["vmm1"] });
  });
  it("several cuts add up, and without any everybody hears everybody", () => {
    expect(cut(["guest0", "from"], ["host", "from"])).toEqual({ smmu: ["host"], vmm0: ["guest0", "host"], vmm1: ["host"] });
    expect(cut()).toEqual({});
  });
});
