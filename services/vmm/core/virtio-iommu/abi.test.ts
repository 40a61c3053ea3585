import { hexBytes } from "@faultline/shared/codec/uint64.ts";
import { iommu_fault_event, iommu_fault_prm } from "@faultline/shared/linux-uapi/iommu.ts";
import { virtio_iommu_fault } from "@faultline/shared/virtio/virtio-iommu.ts";
import { rfc_v1_virtio_iommu_req_page_resp } from "@faultline/shared/virtio/virtio-iommu-rfc-v1.ts";
import { describe, expect, it } from "vitest";
import { review, rfcV1 } from "./abi.ts";

const facts = {
  pageSizeMask: 0x40201000n,
  inputRange: { start: 0n, end: 2n ** 48n - 1n },
  outputBits: 48,
  pasidBits: 20,
  asid16: true,
  twoLevelCdTable: true,
  pageRequests: { responsePasid: true },
};
const probed = { reservedRegions: [], attachTable: true, pageRequest: true };
const fault = iommu_fault_event.decode(iommu_fault_event.encode({ type: 1, reason: 5, flags: 3, pasid: 5, perm: 0xf, addr: 0x7f0000001000n }));
const request = iommu_fault_prm.decode(iommu_fault_prm.encode({ type: 2, flags: 0xb, pasid: 5, grpid: 3, perm: 2, addr: 0x7f0000001000n }));
const INVAL = 4;

describe("feature bits (virtio-iommu.md, 2)", () => {
  it("review offers 0, 1, 2, 4, 5, 6, 8, 9, 32; rfc-v1 0, 1, 2, 4, 5, 6, 7, 32: its bit 6 is another feature (RR-56)", () => {
    expect(review.offered).toBe(0x1_0000_0377n);
    expect(rfcV1.offered).toBe(0x1_0000_00f7n);
  });
});

describe("PROBE (5.5): golden bytes", () => {
  const head = ["02000c0000000000", "0010204000000000", "0300140000000000", "0000000000000000", "ffffffffffff0000", "0400040030000000", "0500040014000000"].join("");
  it("review: one TABLE_FORMAT per format, then PAGE_REQUEST with RESP_PASID; the rest is zero", () => {
    const list = review.probeProperties(facts, probed);
    const tables = ["06000c0001000000", "0100000000000000", "06000c0002000000", "0200000000000000", "0800040001000000"].join("");
    expect(hexBytes(list)).toBe((head + tables).padEnd(1024, "0"));
  });
  it("rfc-v1: page-table and PASID-table format with asid_bits", () => {
    const tables = ["06000c0001001000", "0000000000000000", "07000c0002001000", "0000000000000000"].join("");
    expect(hexBytes(rfcV1.probeProperties(facts, probed))).toBe((head + tables).padEnd(1024, "0"));
  });
  const regions = [
    { subtype: 0, start: 0x1000n, end: 0x1fffn },
    { subtype: 1, start: 0x8090000n, end: 0x809ffffn },
  ];
  const regionBytes = ["0100140000000000", "0010000000000000", "ff1f000000000000", "0100140001000000", "0000090800000000", "ffff090800000000"].join("");
  it("RESV_MEM comes first, in both ABIs", () => {
    const withRegions = { ...probed, reservedRegions: regions };
    expect(hexBytes(review.probeProperties(facts, withRegions))).toMatch(new RegExp(`^${regionBytes}${head}`));
    expect(hexBytes(rfcV1.probeProperties(facts, withRegions))).toMatch(new RegExp(`^${regionBytes}${head}`));
  });
  it("review: a driver without ATTACH_TABLE and PAGE_REQUEST sees the one property that the specification has", () => {
    const base = { reservedRegions: regions, attachTable: false, pageRequest: false };
    expect(hexBytes(review.probeProperties(facts, base))).toBe(regionBytes.padEnd(1024, "0"));
    expect(hexBytes(review.probeProperties(facts, { ...base, reservedRegions: [], pageRequest: true }))).toBe("0800040001000000".padEnd(1024, "0"));
  });
  it("rfc-v1: the tables are described whatever was negotiated (RR-21)", () => {
    const base = { reservedRegions: [], attachTable: false, pageRequest: false };
    expect(hexBytes(rfcV1.probeProperties(facts, base))).toMatch(new RegExp(`^${head}`));
  });
  it("an endpoint without PRI has no PAGE_REQUEST property", () => {
    expect(hexBytes(review.probeProperties({ ...facts, pageRequests: null }, probed))).not.toContain("08000400");
  });
});

describe("fault reports (7.3 to 7.5)", () => {
  it("review without F_PAGE_REQUEST: the 24 bytes of the specification, reserved1 and undefined flags zero (VI-D-60, VI-D-61)", () => {
    expect(hexBytes(review.unrecoverableReport(8, fault, "elsewhere", false))).toBe(["04000000", "03010000", "08000000", "00000000", "00100000007f0000"].join(""));
  });
  it("review with F_PAGE_REQUEST: 48 bytes with PASID", () => {
    expect(virtio_iommu_fault.decode(review.unrecoverableReport(8, fault, "elsewhere", true))).toMatchObject({
      reason: 4n,
      flags: 0x30fn,
      pasid: 5n,
      address: 0x7f0000001000n,
    });
  });
  it("rfc-v1: flt_type, and the host's flag bits in pr_evt_flags", () => {
    expect(hexBytes(rfcV1.pageRequestReport(8, request)).slice(0, 56)).toBe(
      ["02000000", "02000000", "02010000", "0b000000", "08000000", "05000000", "03000000"].join(""),
    );
  });
  it.each([
    [0, 0],
    [1, 0],
    [3, 0],
    [4, 3],
    [5, 4],
    [6, 5],
    [7, 6],
    [8, 7],
  ])("host reason %i is reason %i", (host, reason) => {
    expect(review.unrecoverableReport(8, { ...fault, reason: BigInt(host) }, "elsewhere", true)[0]).toBe(reason);
  });
});

describe("reasons of faults that no table of the guest's made (7.1, 7.5; VI-D-16)", () => {
  const [UNKNOWN, PTE_FETCH, PERMISSION, WALK_EABT] = [0n, 5n, 6n, 4n];
  const reasons = (to: "nowhere" | "map", reason: bigint) => [
    review.unrecoverableReport(8, { ...fault, reason }, to, false)[0],
    review.unrecoverableReport(8, { ...fault, reason }, to, true)[0],
    rfcV1.unrecoverableReport(8, { ...fault, reason }, to, true)[0],
  ];
  it("an endpoint that is attached nowhere and refused: DOMAIN, whatever the host saw", () => {
    expect([reasons("nowhere", UNKNOWN), reasons("nowhere", PTE_FETCH)]).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });
  it("an access without a mapping, or without its right, in a MAP/UNMAP domain: MAPPING", () => {
    expect([reasons("map", PTE_FETCH), reasons("map", PERMISSION)]).toEqual([
      [2, 2, 2],
      [2, 2, 2],
    ]);
  });
  it("what else goes wrong there keeps its reason", () => {
    expect([reasons("map", UNKNOWN), reasons("map", WALK_EABT)]).toEqual([
      [0, 0, 0],
      [3, 3, 3],
    ]);
  });
});

describe("PAGE_RESP of rfc-v1 (6.6; VI-X-17)", () => {
  const decode = (fields: Record<string, number>) =>
    rfcV1.decodePageResponse(rfc_v1_virtio_iommu_req_page_resp.encode({ type: 8, domain: 77, endpoint: 8, grpid: 3, pasid: 5, ...fields }).subarray(0, 36));
  it("flags win over pasid_valid; the domain is told, and looked at by RR-66 alone", () => {
    expect(decode({ flags: 0, pasid_valid: 1 })).toEqual({ endpoint: 8, domain: 77, pasid: null, grpid: 3, code: 0 });
    expect(decode({ flags: 1, pasid_valid: 0 })).toEqual({ endpoint: 8, domain: 77, pasid: 5, grpid: 3, code: 0 });
  });
  it("a group id above 16 bits, an unknown code and a short request are INVAL", () => {
    expect(decode({ grpid: 0x10003 })).toBe(INVAL);
    expect(decode({ resp_code: 3 })).toBe(INVAL);
    expect(rfcV1.decodePageResponse(new Uint8Array(35))).toBe(INVAL);
  });
});
