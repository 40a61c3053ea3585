import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { withEndpoints } from "./with-endpoints.ts";

const secondVm = { ...defaultMachine.vms[0], name: "vm1", endpoints: [0x10] };
const twoVms = { ...defaultMachine, endpoints: [...defaultMachine.endpoints, { ...defaultMachine.endpoints[0], bdf: 0x10 }], vms: [defaultMachine.vms[0], secondVm] };

describe("a machine with more accelerators (interfaces.md, section 3)", () => {
  it("has functions 00:01.0 to 00:08.0 in its VM, each like the first", () => {
    const machine = withEndpoints(defaultMachine, 8)!;
    expect(machine.vms[0].endpoints).toEqual([0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40]);
    expect(machine.endpoints.map(({ bdf }) => bdf)).toEqual(machine.vms[0].endpoints);
    expect(machine.endpoints[7]).toEqual({ ...defaultMachine.endpoints[0], bdf: 0x40 });
  });
  it("takes no function of another VM, and leaves one that has enough as it is", () => {
    expect(withEndpoints(twoVms, 2)!.vms.map(({ endpoints }) => endpoints)).toEqual([[0x08, 0x18], [0x10]]);
    expect(withEndpoints(twoVms, 1)).toEqual(twoVms);
  });
  it("goes on with the next bus, up to 64 of them", () => {
    expect(withEndpoints(defaultMachine, 32)!.vms[0].endpoints.at(-1)).toBe(0x108);
    expect(withEndpoints(defaultMachine, 64)!.vms[0].endpoints.at(-1)).toBe(0x210);
    expect(withEndpoints(defaultMachine, 65)).toBeNull();
  });
  it("has no more of them than Requester IDs", () => {
    expect(withEndpoints({ ...defaultMachine, smmu: { ...defaultMachine.smmu, sidBits: 5 } }, 4)).toBeNull();
  });
  it("has none to copy without an accelerator", () => {
    expect(withEndpoints({ ...defaultMachine, endpoints: [{ ...defaultMachine.endpoints[0], kind: "scripted" }] }, 2)).toBeNull();
  });
});
