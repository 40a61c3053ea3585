import { describe, expect, it } from "vitest";
import { newGuest } from "../../test-support/boot.ts";
import { complete } from "../../test-support/test-execution.ts";
import { review } from "./abi.ts";
import { parseProperties } from "./probe.ts";
import { parseUnbounded } from "./probe-unbounded.ts";

const list = (...bytes: number[]) => Uint8Array.from([...bytes, ...Array(64).fill(0)]);

describe("PROBE properties (virtio-iommu.md, 5.5)", () => {
  it("reads PASID_SIZE, both table formats and PAGE_REQUEST", () => {
    const properties = parseProperties(
      list(5, 0, 4, 0, 20, 0, 0, 0, 6, 0, 12, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 12, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 8, 0, 4, 0, 1, 0, 0, 0),
    );
    expect(properties).toMatchObject({ pasidBits: 20, asidBits: 16, pasidTable: { twoLevel: true }, pageRequest: { responseNeedsPasid: true } });
  });
  it("skips an unknown type and a header with reserved bits (VI-G-29, VI-G-31)", () => {
    expect(parseProperties(list(0xff, 0, 2, 0, 1, 2, 5, 0x10, 4, 0, 9, 0, 0, 0, 5, 0, 4, 0, 8, 0, 0, 0))).toMatchObject({ pasidBits: 8 });
  });
  it("keeps the first property of a format", () => {
    const twice = list(6, 0, 12, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 12, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0);
    expect(parseProperties(twice)).toMatchObject({ pasidTable: { twoLevel: false } });
  });
  it("RR-48: a length beyond the list, 0xfffc too, is -EINVAL", () => {
    expect([parseProperties(list(6, 0, 0xf0, 0xff)), parseProperties(list(6, 0, 0xfc, 0xff)), parseProperties(list(5, 0, 0, 0))]).toEqual([-22, -22, -22]);
  });
  it("RR-48: with the defect the poison behind the list is a PASID width, a good property hides a bad one, and the loop has no end", () => {
    const unbounded = (bytes: Uint8Array) => parseUnbounded(bytes, review);
    expect(unbounded(Uint8Array.of(5, 0, 4, 0))).toMatchObject({ pasidBits: 0x6b });
    expect(unbounded(list(5, 0, 0, 0, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0))).toMatchObject({ pageSizeMask: 0x1000n, pasidBits: 0 });
    expect([unbounded(list(5, 0, 0, 0)), unbounded(list(6, 0, 0xfc, 0xff))]).toEqual([-22, "endless"]);
  });
  it("RR-48: the driver that reads a length of 0xfffc never comes back from its probe", async () => {
    for (const switches of [[], ["RR-48"]]) {
      const { guest, execution, vmm } = newGuest({ switches });
      vmm.properties = list(6, 0, 0xfc, 0xff);
      const ret = complete(execution, guest.boot());
      if (switches.length) await expect(ret).rejects.toThrow(/nothing can run any more/);
      else expect(await ret).toBe(-22);
    }
  });
});
