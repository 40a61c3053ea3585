import { describe, expect, it } from "vitest";
import { PasidAllocator } from "./pasid-allocator.ts";

const mm = () => ({ pasid: 0, mm_users: 1 });

describe("PASID allocation (iommu-core.md, section 2)", () => {
  const ranges: [string, number, number][] = [
    ["min 0", 0, 5],
    ["max below min", 5, 4],
    ["the invalid id as min", 0xffffffff, 5],
    ["the invalid id as max", 1, 0xffffffff],
  ];
  for (const [name, min, max] of ranges) it(`IC-201: ${name} is -EINVAL`, () => expect(new PasidAllocator().iommu_sva_alloc_pasid(mm(), min, max)).toBe(-22));

  it("IC-202, IC-205: the first PASID is 1, and the same mm gets it again with one more reference", () => {
    const pasids = new PasidAllocator();
    const one = mm();
    expect([pasids.iommu_sva_alloc_pasid(one, 1, 3), pasids.iommu_sva_alloc_pasid(one, 1, 3), one.pasid]).toEqual([0, 0, 1]);
    pasids.iommu_sva_free_pasid(one);
    expect(one.pasid).toBe(1);
    pasids.iommu_sva_free_pasid(one);
    expect([one.pasid, pasids.size]).toEqual([0, 0]); // IC-206
  });
  it("IC-203: a PASID outside the range is -EOVERFLOW", () => {
    const pasids = new PasidAllocator();
    const one = mm();
    pasids.iommu_sva_alloc_pasid(one, 5, 9);
    expect(pasids.iommu_sva_alloc_pasid(one, 1, 4)).toBe(-75);
  });
  it("IC-204: no free id is -ENOMEM", () => {
    const pasids = new PasidAllocator();
    pasids.iommu_sva_alloc_pasid(mm(), 1, 1);
    expect(pasids.iommu_sva_alloc_pasid(mm(), 1, 1)).toBe(-12);
  });
  it("IC-207: find answers -ENOENT, null for a dying mm, else the mm with one more user", () => {
    const pasids = new PasidAllocator();
    const one = mm();
    pasids.iommu_sva_alloc_pasid(one, 1, 1);
    expect(pasids.iommu_sva_find(2)).toBe(-2);
    expect(pasids.iommu_sva_find(1)).toBe(one);
    expect(one.mm_users).toBe(2);
    one.mm_users = 0;
    expect(pasids.iommu_sva_find(1)).toBeNull();
  });
});
