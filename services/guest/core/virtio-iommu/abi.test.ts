import { describe, expect, it } from "vitest";
import { review, rfcV1 } from "./abi.ts";
import { parseProperties } from "./probe.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const hexOf = (data: Uint8Array): string => Buffer.from(data).toString("hex");

describe("PAGE_RESP (virtio-iommu.md, 6.6)", () => {
  const response = { endpoint: 8, domain: 2, flags: 1, pasid: 5, grpid: 0x1ff, code: 1 };
  it("review: 32 bytes, no domain, a group id of 16 bits", () => {
    expect(hexOf(review.encodePageResponse(response))).toBe("08000000 08000000 01000000 05000000 ff01 0100 0000000000000000 00000000".replaceAll(" ", ""));
  });
  it("rfc-v1: 40 bytes with the domain, the flag said twice (RR-66), a group id of 32 bits (RR-03)", () => {
    expect(hexOf(rfcV1.encodePageResponse(response))).toBe(
      "08000000 02000000 08000000 01000000 05000000 ff010000 0100 01 000000000000000000 00000000".replaceAll(" ", ""),
    );
    expect(hexOf(rfcV1.encodePageResponse({ ...response, flags: 0, pasid: 0 }))).toBe(
      "08000000 02000000 08000000 00000000 00000000 ff010000 0100 00 000000000000000000 00000000".replaceAll(" ", ""),
    );
  });
});

describe("fault reports (virtio-iommu.md, 7.2, 7.4)", () => {
  const pageRequest = { reason: 2, flags: 0x733, endpoint: 8, pasid: 5, address: 0x7000n, grpid: 3 };
  it("review: reason, flags, endpoint, PASID, address, group", () => {
    expect(review.decodeReport(bytes("02000000 33070000 08000000 05000000 0070000000000000 0300 0000 00000000 00000000000000000000000000000000"))).toEqual(pageRequest);
  });
  it("rfc-v1: flt_type 2 is a page request, its pr_evt_flags say PASID, Last and whether the response needs the PASID (RR-01, RR-02, RR-04)", () => {
    const report = (prEvtFlags: string) =>
      rfcV1.decodeReport(bytes(`02000000 0200 0000 03010000 ${prEvtFlags} 08000000 05000000 03000000 00000000 0070000000000000 0000000000000000`));
    expect(report("0b000000")).toEqual({ ...pageRequest, responseNeedsPasid: true });
    expect(report("03000000")).toEqual({ ...pageRequest, responseNeedsPasid: false });
    expect(report("01000000")).toEqual({ ...pageRequest, flags: 0x723, responseNeedsPasid: false });
  });
  it("rfc-v1: flt_type 1 is unrecoverable (RR-42), and reserved bytes that are set make it none of both (VI-G-37)", () => {
    expect(rfcV1.decodeReport(bytes("03000000 0100 0000 01010000 00000000 08000000 00000000 00000000 00000000 0070000000000000 0000000000000000"))?.flags).toBe(0x101);
    expect(rfcV1.decodeReport(bytes("02010000 0200 0000 03010000 0b000000 08000000 05000000 03000000 00000000 0070000000000000 0000000000000000"))).toBeNull();
  });
});

describe("PROBE in rfc-v1 (virtio-iommu.md, 5.5)", () => {
  const list = bytes("0600 0c00 0100 1000 00000000 00000000 0700 0c00 0200 1000 00000000 00000000");
  it("types 6 and 7 are one format each, with asid_bits", () => {
    expect(parseProperties(list, rfcV1)).toMatchObject({ asidBits: 16, pasidTable: { twoLevel: true } });
  });
  it("a property that is shorter than its structure is -EINVAL (RR-48)", () => {
    expect(parseProperties(bytes("0600 0800 0100 1000 00000000"), rfcV1)).toBe(-22);
  });
  it("RR-44: a PASID table format says no more than that: two levels are taken for granted. review has a flag for them", () => {
    expect(parseProperties(list, rfcV1)).toMatchObject({ pasidTable: { twoLevel: true } });
    expect(parseProperties(bytes("0600 0c00 0200 0000 0000000000000000"), review)).toMatchObject({ pasidTable: { twoLevel: false } });
  });
});
