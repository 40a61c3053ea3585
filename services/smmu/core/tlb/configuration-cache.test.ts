import { CMD_CFGI_CD, CMD_CFGI_CD_ALL, CMD_CFGI_STE, CMD_CFGI_STE_RANGE } from "@faultline/shared/arm-smmu-v3/command.ts";
import { describe, expect, it } from "vitest";
import { GPA, guestFrame, NestedRig, SID } from "../../../../test/support/smmu-rig.ts";

const VA = 0x7f00_0000_0000;
/** 4 KiB leaves of CDs in guest RAM, behind the pages that the rig hands out. */
const LEAVES = [GPA + 0x8_0000, GPA + 0x9_0000] as const;
const cdFields = (rig: NestedRig) => ({ TTB0: rig.stage1.root / 16 });
const ssidOf = (leaf: number) => 5 + (leaf - GPA) / 64;
const read = (rig: NestedRig) => rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: BigInt(VA), write: false, priv: false, exec: false });

/** A nested stream with two levels of CDs, whose L1CD 0 and CD 5 are cached; then the L1CD leads to another leaf, where CD 5 is not valid. */
function moved() {
  const rig = new NestedRig();
  rig.nested({ S1Fmt: 1, S1CDMax: 7 });
  rig.guest.store64(rig.cdTable, LEAVES[0] + 1, 0);
  rig.cd(ssidOf(LEAVES[0]), cdFields(rig));
  rig.start();
  const gpa = rig.map(VA);
  expect(read(rig)).toEqual({ pa: guestFrame(gpa) });
  rig.guest.store64(rig.cdTable, LEAVES[1] + 1, 0);
  const stale = (...commands: Uint8Array[]): boolean => {
    rig.command(...commands);
    return read(rig) !== "abort";
  };
  return { rig, stale };
}
const cd = (Leaf: number, more = {}) => CMD_CFGI_CD.encode({ Opcode: 0x05, StreamID: SID, SubstreamID: 5, Leaf, ...more });

describe("what CMD_CFGI_* removes of STE, CD and L1CD (4.3; smmuv3.md, 4.4)", () => {
  it("nothing without a command, and nothing of another stream or substream", () => {
    expect(moved().stale()).toBe(true);
    expect(moved().stale(cd(0, { SubstreamID: 70 }), cd(0, { StreamID: SID + 1 }), CMD_CFGI_CD_ALL.encode({ Opcode: 0x06, StreamID: SID + 1 }))).toBe(true);
    expect(moved().stale(CMD_CFGI_STE.encode({ Opcode: 0x03, StreamID: SID + 1 }), CMD_CFGI_STE_RANGE.encode({ Opcode: 0x04, StreamID: SID + 4, Range: 1 }))).toBe(true);
  });
  it("CFGI_CD: the CD; the L1CD that leads to it with Leaf = 0 only", () => {
    const { rig, stale } = moved();
    expect(stale(cd(1))).toBe(true); // the old leaf is read again
    rig.cd(ssidOf(LEAVES[0]), { ...cdFields(rig), V: 0 });
    expect(stale(cd(1))).toBe(false);
    expect(moved().stale(cd(0))).toBe(false);
  });
  it.each([
    ["CFGI_CD_ALL", CMD_CFGI_CD_ALL.encode({ Opcode: 0x06, StreamID: SID })],
    ["CFGI_STE, Leaf = 1", CMD_CFGI_STE.encode({ Opcode: 0x03, StreamID: SID, Leaf: 1 })],
    ["CFGI_STE_RANGE over it", CMD_CFGI_STE_RANGE.encode({ Opcode: 0x04, StreamID: SID + 1, Range: 0 })],
    ["CFGI_ALL", CMD_CFGI_STE_RANGE.encode({ Opcode: 0x04, StreamID: 0, Range: 31 })],
  ])("%s: all CDs and L1CDs of the stream", (_name, command) => expect(moved().stale(command)).toBe(false));
  it("an invalid L1CD is cached, a level-1 stream table descriptor is not", () => {
    const rig = new NestedRig();
    rig.nested({ S1Fmt: 1, S1CDMax: 7 });
    rig.guest.store64(rig.cdTable, 0, 0);
    rig.start();
    const gpa = rig.map(VA);
    expect(read(rig)).toBe("abort");
    rig.guest.store64(rig.cdTable, LEAVES[0] + 1, 0);
    rig.cd(ssidOf(LEAVES[0]), cdFields(rig));
    expect(read(rig)).toBe("abort");
    rig.command(cd(0));
    expect(read(rig)).toEqual({ pa: guestFrame(gpa) });
  });
});
