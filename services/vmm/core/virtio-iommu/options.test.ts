import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { inDomainRange, reportedRegions, virtioIommuOf } from "./options.ts";

const machineWith = (granule: "4K" | "16K" | "64K") => ({ ...defaultMachine, vms: [{ ...defaultMachine.vms[0], granule }] });
const doorbell = { subtype: 1, start: 0x808_0000n, end: 0x808_0fffn };
const reserved = { subtype: 0, start: 0x1000n, end: 0x1fffn };

describe("the device of a machine (virtio-iommu.md, 3 and 5.5)", () => {
  it.each([
    ["4K", 0x4020_1000n],
    ["16K", 0x200_4000n],
    ["64K", 0x2001_0000n],
  ] as const)("a VM of granule %s maps its pages and their blocks", (granule, mask) => {
    expect(virtioIommuOf(machineWith(granule), 0).pageSizeMask).toBe(mask);
  });
  it("translates 48 bits, knows every domain id, and reserves the doorbell page", () => {
    expect(virtioIommuOf(defaultMachine, 0)).toMatchObject({
      inputRange: { start: 0n, end: 0xffff_ffff_ffffn },
      domainRange: { start: 0, end: 0xffff_ffff },
      reservedRegions: [doorbell],
    });
  });
  it("bypass is 1 at system reset in review (VI-D-06), and never in rfc-v1, which has none", () => {
    expect(virtioIommuOf({ ...defaultMachine, abi: "review" }, 0).bypass).toBe(true);
    expect(virtioIommuOf({ ...defaultMachine, abi: "rfc-v1" }, 0).bypass).toBe(false);
  });
  it("is another one where the machine JSON says so", () => {
    const virtioIommu = {
      pageSizeMask: "0xffffffffffff0000",
      inputRange: { start: "0x1000", end: "0xffffffffff" },
      domainRange: { start: 1, end: 9 },
      reservedRegions: [{ subtype: 1, start: "0x8090000", end: "0x809ffff" }],
      bypass: false,
    };
    expect(virtioIommuOf({ ...defaultMachine, virtioIommu }, 0)).toEqual({
      pageSizeMask: 0xffff_ffff_ffff_0000n,
      inputRange: { start: 0x1000n, end: 0xff_ffff_ffffn },
      domainRange: { start: 1, end: 9 },
      reservedRegions: [{ subtype: 1, start: 0x809_0000n, end: 0x809_ffffn }],
      bypass: false,
    });
  });
  it("reports no MSI region to a guest that owns its tables: that one maps the doorbell itself (flow.md, S3; VI-G-36)", () => {
    expect(reportedRegions([reserved, doorbell], true)).toEqual([reserved]);
    expect(reportedRegions([reserved, doorbell], false)).toEqual([reserved, doorbell]);
  });
  it("a domain range has both of its ends", () => {
    expect([0n, 1n, 9n, 10n].map((id) => inDomainRange({ start: 1, end: 9 }, id))).toEqual([false, true, true, false]);
  });
});
