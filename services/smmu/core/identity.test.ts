import { contradiction } from "@faultline/shared/machine/contradictions.ts";
import { defaultMachine, type Machine, type SmmuOptions } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { identityOf, idRegisters } from "./identity.ts";

const refused = (smmu: Partial<SmmuOptions>, more: Partial<Machine> = {}) => {
  const found = contradiction({ ...defaultMachine, ...more, smmu: { ...defaultMachine.smmu, ...smmu } });
  return found && `${found.path.join(".")} ${found.message}`;
};

describe("machine options that no SMMU has together (Arm IHI 0070 G.b, 6.3.1 to 6.3.6) are refused with both fields named", () => {
  it("the default machine is possible", () => expect(refused({})).toBeNull());
  it.each<[string, Partial<SmmuOptions>, RegExp]>([
    ["page requests without ATS", { ats: false }, /^smmu\.pri .*smmu\.ats/],
    ["7 bits of StreamID in a linear table only", { sidBits: 7, twoLevelStreamTable: false }, /^smmu\.sidBits .*smmu\.twoLevelStreamTable/],
    ["many SubstreamIDs in a linear CD table", { ssidBits: 11, twoLevelCdTable: false }, /^smmu\.ssidBits .*smmu\.twoLevelCdTable/],
    ["52 bits of address without the 64 KiB granule or DS", { oas: 52, granules: ["4K", "16K"] }, /^smmu\.oas 52 .*smmu\.granules.*smmu\.ds/],
    ["52-bit VAs without them", { vaBits: 52, granules: ["16K"] }, /^smmu\.vaBits 52 .*smmu\.granules.*smmu\.ds/],
    ["DS without a granule that it widens", { ds: true, granules: ["64K"] }, /^smmu\.ds .*smmu\.granules/],
    ["EL2 worlds without stage 2", { hyp: true, stage2: false }, /^smmu\.hyp .*smmu\.stage1.*smmu\.stage2/],
    ["VMID wildcards without stage 2", { vmw: true, stage2: false }, /^smmu\.vmw .*smmu\.stage2/],
    ["no stage at all", { stage1: false, stage2: false }, /^smmu\.stage1 .*smmu\.stage2/],
  ])("%s", (_what, smmu, message) => expect(refused(smmu)).toMatch(message));
  it("DRAM that the output address size does not reach", () => {
    expect(refused({ oas: 32 }, { dram: { ...defaultMachine.dram, base: 0xfff0_0000 } })).toMatch(/^dram\.base .*smmu\.oas/);
  });
  it("52 bits with the 64 KiB granule or DS, and 6 bits of StreamID in a linear table, are possible", () => {
    expect(refused({ oas: 52, vaBits: 52, granules: ["64K"] })).toBeNull();
    expect(refused({ oas: 52, vaBits: 52, ds: true, vmw: true, granules: ["4K"] })).toBeNull();
    expect(refused({ sidBits: 6, twoLevelStreamTable: false }, { endpoints: [], vms: [] })).toBeNull();
  });
});

it("the default machine stalls and terminates (IDR0.STALL_MODEL = 0), with room for 32 stalled transactions", () => {
  const { stallModel, stallMax, termModel } = identityOf(idRegisters(defaultMachine.smmu));
  expect([stallModel, stallMax, termModel]).toEqual([0, 32, false]);
});
