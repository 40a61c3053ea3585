import { describe, expect, it } from "vitest";
import { acceleratorRig } from "../../test-support/fake-upstream.ts";

const rig = () => acceleratorRig({ credits: 32, invalidateQueueDepth: 32 }).fn;

describe("type 0 configuration space (PCIe 7.5.1)", () => {
  it("names the function", () => {
    const fn = rig();
    expect([fn.configRead(0x00, 4), fn.configRead(0x08, 4), fn.configRead(0x0e, 1), fn.configRead(0x06, 2)]).toEqual([0x5a01_1234, 0x1200_0000, 0, 0x10]);
  });
  it("answers the sizing of a 64 KiB 64-bit memory BAR, and decodes only with memory space enabled", () => {
    const fn = rig();
    fn.configWrite(0x10, 4, 0xffffffff);
    fn.configWrite(0x14, 4, 0xffffffff);
    expect([fn.configRead(0x10, 4), fn.configRead(0x14, 4), fn.configRead(0x18, 4)]).toEqual([0xffff0004, 0xffffffff, 0]);
    fn.configWrite(0x10, 4, 0x1001_0000);
    fn.configWrite(0x14, 4, 0);
    expect(fn.bars()).toEqual([]);
    fn.configWrite(0x04, 2, 0x2);
    expect(fn.bars()).toEqual([{ bar: 0, base: 0x1001_0000, size: 0x1_0000 }]);
  });
  it("keeps read-only fields through writes of ones", () => {
    const fn = rig();
    for (const offset of [0x00, 0x08, 0x34, 0x44, 0x100, 0x128]) {
      const before = fn.configRead(offset, 4);
      fn.configWrite(offset, 4, 0xffffffff);
      expect(fn.configRead(offset, 4)).toBe(before);
    }
  });
  it("chains PCIe with FLR and MSI-X of nine vectors in BAR0", () => {
    const fn = rig();
    expect([fn.configRead(0x34, 1), fn.configRead(0x40, 2), fn.configRead(0x44, 4) >>> 28, fn.configRead(0x80, 2)]).toEqual([0x40, 0x8010, 1, 0x0011]);
    expect([fn.configRead(0x82, 2), fn.configRead(0x84, 4), fn.configRead(0x88, 4)]).toEqual([8, 0x8000, 0xc000]);
  });
});

describe("PASID, ATS and PRI capabilities (PCIe 7.8.8, 10.5)", () => {
  it("chains them with versions", () => {
    const fn = rig();
    expect([0x100, 0x110, 0x120, 0x130].map((at) => fn.configRead(at, 4))).toEqual([0x1101_001b, 0x1201_000f, 0x1301_0013, 0x0002_0001]);
  });
  it("offers 20 PASID bits with Exe and Priv, page aligned requests, global invalidate and depth 32", () => {
    const fn = rig();
    expect([fn.configRead(0x104, 2), fn.configRead(0x114, 2), fn.configRead(0x128, 4), fn.configRead(0x126, 2)]).toEqual([0x1406, 0x0060, 32, 0x8100]);
  });
  it("ignores a change of the PASID enables while ATS is enabled", () => {
    const fn = rig();
    fn.configWrite(0x106, 2, 7);
    fn.configWrite(0x116, 2, 0x8000);
    fn.configWrite(0x106, 2, 0);
    expect(fn.configRead(0x106, 2)).toBe(7);
  });
  it("ignores a change of the allocation while PRI is enabled", () => {
    const fn = rig();
    fn.configWrite(0x12c, 4, 5);
    fn.configWrite(0x124, 2, 1);
    fn.configWrite(0x12c, 4, 9);
    expect(fn.configRead(0x12c, 4)).toBe(5);
  });
});
