import { describe, expect, it } from "vitest";
import { parseProperties } from "./probe.ts";

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
});
