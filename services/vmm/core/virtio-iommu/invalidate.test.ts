import { iommu_inv_addr_info, iommu_inv_pasid_info } from "@faultline/shared/linux-uapi/iommu.ts";
import { virtio_iommu_req_invalidate } from "@faultline/shared/virtio/virtio-iommu.ts";
import { describe, expect, it } from "vitest";
import { hostInvalidations, invalidateRefused } from "./invalidate.ts";

const DOMAIN = 1,
  PASID = 2,
  VA = 4; // inv_gran
const IOTLB = 1,
  DEV_IOTLB = 2,
  T_PASID = 4; // inv_type
const F_PASID = 1,
  F_ARCHID = 2,
  F_LEAF = 4;
const INVAL = 4,
  RANGE = 5;
const request = (fields: Record<string, number | bigint>) => virtio_iommu_req_invalidate.decode(virtio_iommu_req_invalidate.encode({ type: 7, granule: 12, ...fields }));

describe("INVALIDATE: what is refused (virtio-iommu.md, 6.5; VI-X-09, VI-X-10)", () => {
  const cases: [string, Record<string, number | bigint>, number | null][] = [
    ["a granularity that is two at once", { inv_gran: PASID | VA, inv_type: IOTLB }, INVAL],
    ["no type", { inv_gran: DOMAIN }, INVAL],
    ["an unknown type bit", { inv_gran: DOMAIN, inv_type: 8 }, INVAL],
    ["an unknown flag", { inv_gran: DOMAIN, inv_type: IOTLB, flags: 8 }, INVAL],
    ["reserved bytes", { inv_gran: DOMAIN, inv_type: IOTLB, reserved2: 1 }, INVAL],
    ["one PASID's CD without naming it", { inv_gran: PASID, inv_type: T_PASID }, INVAL],
    ["the device IOTLB of a domain", { inv_gran: DOMAIN, inv_type: DEV_IOTLB }, INVAL],
    ["a CD by address", { inv_gran: VA, inv_type: T_PASID, flags: F_ARCHID }, INVAL],
    ["an archid of more than 16 bits", { inv_gran: PASID, inv_type: IOTLB, flags: F_ARCHID, archid: 0x10000 }, RANGE],
    ["a granule below 4 KiB", { inv_gran: VA, inv_type: IOTLB, flags: F_ARCHID, granule: 11 }, RANGE],
    ["a range that wraps", { inv_gran: VA, inv_type: IOTLB, flags: F_ARCHID, virt_start: 0xffff_ffff_ffff_f000n, nr_pages: 2 }, RANGE],
    ["a range up to the very end", { inv_gran: VA, inv_type: IOTLB, flags: F_ARCHID, virt_start: 0xffff_ffff_ffff_f000n, nr_pages: 1 }, null],
  ];
  for (const [what, fields, status] of cases) it(`${what}: ${status ?? "accepted"}`, () => expect(invalidateRefused(request(fields))).toBe(status));
});

describe("INVALIDATE: what the host is asked (virtio-iommu.md, 6.5)", () => {
  const calls = (fields: Record<string, number | bigint>) => hostInvalidations(request(fields)).map(({ cache, granularity }) => [cache, granularity]);
  it("a PASID's CD becomes cache PASID, granularity PASID, F_LEAF dropped", () => {
    const [call] = hostInvalidations(request({ inv_gran: PASID, inv_type: T_PASID, flags: F_PASID | F_LEAF, pasid: 5 }));
    expect([call.cache, call.granularity]).toEqual([4, 1]);
    expect(iommu_inv_pasid_info.decode(call.granu)).toMatchObject({ flags: 1n, pasid: 5n });
  });
  it("all CDs of a domain", () => expect(calls({ inv_gran: DOMAIN, inv_type: T_PASID })).toEqual([[4, 0]]));
  it("an ASID becomes granularity PASID with F_ARCHID only", () => {
    const [call] = hostInvalidations(request({ inv_gran: PASID, inv_type: IOTLB, flags: F_ARCHID | F_PASID, archid: 7, pasid: 5 }));
    expect([call.cache, call.granularity]).toEqual([1, 1]);
    expect(iommu_inv_pasid_info.decode(call.granu)).toMatchObject({ flags: 2n, archid: 7n, pasid: 0n });
  });
  it("the posted whole-context flush (F_PASID alone) becomes the domain", () =>
    expect(calls({ inv_gran: PASID, inv_type: IOTLB, flags: F_PASID, pasid: 5 })).toEqual([[1, 0]]));
  it("a range becomes granularity ADDR with its granule in bytes", () => {
    const [call] = hostInvalidations(
      request({ inv_gran: VA, inv_type: IOTLB | DEV_IOTLB, flags: F_ARCHID | F_LEAF, archid: 7, virt_start: 0x7f0000001000n, nr_pages: 3, granule: 12 }),
    );
    expect([call.cache, call.granularity]).toEqual([1, 2]);
    expect(iommu_inv_addr_info.decode(call.granu)).toMatchObject({ flags: 6n, archid: 7n, addr: 0x7f0000001000n, granule_size: 4096n, nb_granules: 3n });
  });
  it("no pages: nothing is asked (VI-X-11)", () => expect(calls({ inv_gran: VA, inv_type: IOTLB, flags: F_ARCHID })).toEqual([]));
  it("CD and IOTLB at once: the CD first", () =>
    expect(calls({ inv_gran: PASID, inv_type: T_PASID | IOTLB, flags: F_PASID | F_ARCHID })).toEqual([
      [4, 1],
      [1, 1],
    ]));
});
