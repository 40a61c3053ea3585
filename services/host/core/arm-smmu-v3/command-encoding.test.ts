import { describe, expect, it } from "vitest";
import { hexOf } from "../../../../test/support/fake-smmu.ts";
import { atcInv, cfgiAll, cfgiCd, cfgiSte, priResp, resume, syncMsiPoll, syncSev, tlbiNhVa, tlbiS12Vmall } from "./command-encoding.ts";
import { splitRange } from "./tlb-range.ts";

const none = { NUM: 0, SCALE: 0, TTL: 0, TG: 0 };

describe("commands of the driver (Arm IHI 0070 G.b, chapter 4)", () => {
  it.each([
    ["CFGI_STE, leaf", cfgiSte(0x100, true), "03000000000100000100000000000000"],
    ["CFGI_ALL", cfgiAll(), "04000000000000001f00000000000000"],
    ["CFGI_CD", cfgiCd(0x100, 5, false), "05500000000100000000000000000000"],
    ["TLBI_NH_VA", tlbiNhVa(1, 7, 0x12345000, true, none), "12000000010007000150341200000000"],
    ["TLBI_S12_VMALL", tlbiS12Vmall(0x1234), "28000000341200000000000000000000"],
    ["ATC_INV of everything", atcInv(0x100, null, 0, 0), "40000000000100003400000000000000"],
    ["ATC_INV of 4 KiB of PASID 5", atcInv(0x100, 5, 0x12345000, 4096), "40580000000100000050341200000000"],
    ["ATC_INV of 16 KiB", atcInv(0x100, null, 0x12344000, 16384), "40000000000100000240341200000000"],
    ["PRI_RESP Success without PASID", priResp(0x100, null, 7, 2), "41000000000100000720000000000000"],
    ["PRI_RESP Success with PASID", priResp(0x1234, 5, 0x1ff, 2), "4158000034120000ff21000000000000"],
    ["RESUME, retry", resume(0x100, 3, true), "44100000000100000300000000000000"],
    ["RESUME, abort", resume(0x100, 3, false), "44200000000100000300000000000000"],
    ["SYNC by MSI to its slot", syncMsiPoll(0x40002010), "4610c00f000000001020004000000000"],
    ["SYNC by event", syncSev(), "4620c00f000000000000000000000000"],
  ])("%s", (_name, command, bytes) => {
    expect(hexOf(command.bytes)).toBe(bytes);
  });

  it.each([
    ["pages 8 to 11", 8, 4, 2, 8],
    ["pages 7 to 10", 7, 4, 4, 0],
  ])("widens an ATC range to the smallest aligned span: %s", (_name, page, count, Size, first) => {
    const bytes = atcInv(0, null, page * 4096, count * 4096).bytes;
    expect([bytes[8] & 0x3f, (bytes[9] >>> 4) + 16 * bytes[10]]).toEqual([Size, first]);
  });
});

describe("range commands (host-driver.md, section 10.1)", () => {
  it.each<[number, boolean, [number, number][]]>([
    [1, true, [[0, 0]]],
    [1, false, [[0, 1]]],
    [
      33,
      true,
      [
        [0, 0],
        [0, 5],
      ],
    ],
    [33, false, [[16, 1]]],
    [512, true, [[0, 9]]],
    [
      1000,
      true,
      [
        [28, 3],
        [2, 8],
      ],
    ],
    [262144, true, [[0, 18]]],
  ])("%d pages, leaf %s", (pages, leaf, expected) => {
    const parts = splitRange(0x80000000, pages * 4096, 4096, leaf);
    expect(parts.map(({ range }) => [range.NUM, range.SCALE])).toEqual(expected);
    expect(parts.every(({ range }) => range.TG === 1 && range.TTL === (leaf ? 3 : 0))).toBe(true);
  });
});
