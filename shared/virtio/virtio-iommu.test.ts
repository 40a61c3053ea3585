import { describe, expect, it } from "vitest";
import { hexBytes } from "../codec/uint64.ts";
import * as review from "./virtio-iommu.ts";
import * as rfc from "./virtio-iommu-rfc-v1.ts";

type Struct = { name: string; sizeBytes: number; layout: Record<string, readonly [number, number]> };

describe("virtio-iommu structures: sizes and offsets (virtio-iommu.md, 3 to 7)", () => {
  it.each<[Struct, number, Record<string, number>]>([
    [
      review.virtio_iommu_config,
      40,
      { page_size_mask: 0, input_range_start: 8, input_range_end: 16, domain_range_start: 24, domain_range_end: 28, probe_size: 32, bypass: 36 },
    ],
    [review.virtio_iommu_req_attach, 24, { domain: 4, endpoint: 8, flags: 12, reserved: 16, status: 20 }],
    [review.virtio_iommu_req_detach, 24, { domain: 4, endpoint: 8, reserved: 12, status: 20 }],
    [review.virtio_iommu_req_map, 40, { domain: 4, virt_start: 8, virt_end: 16, phys_start: 24, flags: 32, status: 36 }],
    [review.virtio_iommu_req_unmap, 32, { domain: 4, virt_start: 8, virt_end: 16, reserved: 24, status: 28 }],
    [review.virtio_iommu_req_probe, 72, { type: 0, endpoint: 4 }],
    [review.virtio_iommu_req_attach_table, 80, { domain: 4, endpoint: 8, format: 12, status: 76 }],
    [review.virtio_iommu_req_attach_pst_arm, 80, { format: 12, s1fmt: 14, s1dss: 15, s1contextptr: 16, s1cdmax: 24, reserved_low: 28, status: 76 }],
    [review.virtio_iommu_req_attach_pgt_arm, 80, { format: 12, asid: 14, tcr: 16, ttbr: 24, mair: 32, reserved: 40, status: 76 }],
    [
      review.virtio_iommu_req_invalidate,
      64,
      {
        inv_gran: 4,
        inv_type: 6,
        flags: 8,
        reserved1: 10,
        domain: 12,
        pasid: 16,
        reserved2: 20,
        archid: 24,
        virt_start: 32,
        nr_pages: 40,
        granule: 48,
        reserved3: 49,
        status: 60,
      },
    ],
    [review.virtio_iommu_req_page_resp, 32, { endpoint: 4, flags: 8, pasid: 12, group_id: 16, resp_code: 18, reserved: 20, status: 28 }],
    [review.virtio_iommu_fault, 48, { reason: 0, reserved: 1, flags: 4, endpoint: 8, pasid: 12, address: 16, group_id: 24, reserved1: 26, private_data0: 32 }],
    [review.virtio_iommu_probe_resv_mem, 24, { subtype: 4, start: 8, end: 16 }],
    [review.virtio_iommu_probe_page_size_mask, 16, { mask: 8 }],
    [review.virtio_iommu_probe_input_range, 24, { start: 8, end: 16 }],
    [review.virtio_iommu_probe_output_size, 8, { bits: 4 }],
    [review.virtio_iommu_probe_pasid_size, 8, { bits: 4 }],
    [review.virtio_iommu_probe_table_format, 16, { format: 4, reserved: 6, flags: 8 }],
    [review.virtio_iommu_probe_page_request, 8, { flags: 4 }],
    [rfc.rfc_v1_virtio_iommu_probe_table_format, 16, { format: 4, asid_bits: 6, flags: 8, reserved: 12 }],
    [rfc.rfc_v1_virtio_iommu_req_attach_pgt_arm, 72, { asid: 14, tcr: 16, ttbr: 24, mair: 32, reserved: 40, status: 68 }],
    [rfc.rfc_v1_virtio_iommu_req_page_resp, 40, { domain: 4, endpoint: 8, flags: 12, pasid: 16, grpid: 20, resp_code: 24, pasid_valid: 26, reserved: 27, status: 36 }],
    [
      rfc.rfc_v1_virtio_iommu_fault,
      48,
      { reason: 0, flt_type: 4, flags: 8, pr_evt_flags: 12, endpoint: 16, pasid: 20, grpid: 24, reserved3: 28, address: 32, reserved4: 40 },
    ],
  ])("$name", (struct, size, offsets) => {
    expect(struct.sizeBytes).toBe(size);
    expect(Object.fromEntries(Object.keys(offsets).map((field) => [field, struct.layout[field][1] / 8]))).toEqual(offsets);
  });
});

describe("virtio-iommu structures: golden bytes", () => {
  it("PAGE_RESP of review: endpoint 8, PASID 5, group 0x1ff, INVALID", () => {
    expect(hexBytes(review.virtio_iommu_req_page_resp.encode({ type: 8, endpoint: 8, flags: 1, pasid: 5, group_id: 0x1ff, resp_code: 1 }))).toBe(
      ["08000000", "08000000", "01000000", "05000000", "ff01", "0100", "00".repeat(12)].join(""),
    );
  });
  it("a page request report of review keeps flags, endpoint and address where the specification has them", () => {
    const bytes = review.virtio_iommu_fault.encode({ reason: 2, flags: 0x731, endpoint: 8, pasid: 5, address: 0x7f0000001000n, group_id: 3 });
    expect(hexBytes(bytes)).toBe(["02000000", "31070000", "08000000", "05000000", "00100000007f0000", "0300", "000000000000", "00".repeat(16)].join(""));
  });
  it("the same in rfc-v1: flags at 8, pr_evt_flags at 12, endpoint at 16", () => {
    const bytes = rfc.rfc_v1_virtio_iommu_fault.encode({
      reason: 2,
      flt_type: 2,
      flags: 0x101,
      pr_evt_flags: 0xb,
      endpoint: 8,
      pasid: 5,
      grpid: 3,
      address: 0x7f0000001000n,
    });
    expect(hexBytes(bytes)).toBe(
      ["02000000", "0200", "0000", "01010000", "0b000000", "08000000", "05000000", "03000000", "00000000", "00100000007f0000", "00".repeat(8)].join(""),
    );
  });
  it("ATTACH_TABLE of a two-level table of 2^20 CDs", () => {
    const bytes = review.virtio_iommu_req_attach_pst_arm.encode({
      type: 6,
      domain: 1,
      endpoint: 8,
      format: 2,
      s1fmt: 2,
      s1dss: 2,
      s1contextptr: 0x80002000n,
      s1cdmax: 20,
    });
    expect(hexBytes(bytes)).toBe(["06000000", "01000000", "08000000", "0200", "02", "02", "0020008000000000", "14000000", "00".repeat(52)].join(""));
  });
});
