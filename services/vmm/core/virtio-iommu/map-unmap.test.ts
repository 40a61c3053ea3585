import { virtio_iommu_req_map, virtio_iommu_req_unmap } from "@faultline/shared/virtio/virtio-iommu.ts";
import { beforeEach, describe, expect, it } from "vitest";
import { Attachments } from "./attach.ts";
import { newDomain } from "./domain.ts";
import type { Endpoint } from "./endpoint.ts";
import { type MapLimits, map, unmap } from "./map-unmap.ts";

const OK = 0,
  INVAL = 4,
  RANGE = 5,
  NOENT = 6;
const [READ, WRITE, MMIO] = [1, 2, 4];
const RAM = { gpa: 0x8000_0000, size: 0x10_0000 };
const HVA = 0x1000_0000_0000;
const limits: MapLimits = {
  inputRange: { start: 0x1_0000n, end: 0xff_ffff_ffffn },
  domainRange: { start: 1, end: 9 },
  reservedRegions: [{ subtype: 1, start: 0x809_0000n, end: 0x809_ffffn }],
  granule: 0x1_0000n,
  mmio: true,
};

let attachments: Attachments;
let told: string[];
beforeEach(() => {
  told = [];
  const said =
    (what: string) =>
    async (iova: bigint, ...more: unknown[]): Promise<number> => {
      told.push([what, iova, ...more].map((value) => (typeof value === "string" ? value : `0x${(value as number).toString(16)}`)).join(" "));
      return 0;
    };
  const container = { mapDma: said("map"), unmapDma: said("unmap") };
  attachments = new Attachments([RAM], (gpa) => (gpa >= RAM.gpa && gpa < RAM.gpa + RAM.size ? gpa - RAM.gpa + HVA : null));
  const domain = newDomain(1, "map");
  domain.endpoints.add({ id: 8, device: { container } } as unknown as Endpoint);
  attachments.domains.set(1, domain);
});

const mapped = (fields: { domain?: number; virt_start: number; virt_end: number; phys_start?: number; flags?: number }) =>
  map(attachments, virtio_iommu_req_map.decode(virtio_iommu_req_map.encode({ domain: 1, phys_start: RAM.gpa, flags: READ | WRITE, ...fields })), limits);
const unmapped = (domain: number) =>
  unmap(attachments, virtio_iommu_req_unmap.decode(virtio_iommu_req_unmap.encode({ domain, virt_start: 0, virt_end: 0xff_ffff_ffff })), limits);

describe("MAP by the ranges of the device (virtio-iommu.md, 3 and 4)", () => {
  it.each([
    ["below the input range", 0, 0xffff, RANGE],
    ["at its first granule", 0x1_0000, 0x1_ffff, OK],
    ["at its last granule", 0xff_ffff_0000, 0xff_ffff_ffff, OK],
    ["over its end", 0xff_ffff_0000, 0x100_0000_ffff, RANGE],
    ["of a 4 KiB page where the granule is 64 KiB (VI-D-34)", 0x1_0000, 0x1_0fff, RANGE],
    ["before a reserved region", 0x808_0000, 0x808_ffff, OK],
    ["behind it", 0x80a_0000, 0x80a_ffff, OK],
    ["of it (VI-D-42)", 0x809_0000, 0x809_ffff, INVAL],
    ["around it", 0x808_0000, 0x80a_ffff, INVAL],
  ])("%s", async (_where, virt_start, virt_end, status) => {
    expect(await mapped({ virt_start, virt_end })).toBe(status);
    expect(told.length).toBe(status === OK ? 1 : 0);
  });
  it("a domain outside the domain range is RANGE, one inside that does not exist NOENT; UNMAP says the same", async () => {
    const page = { virt_start: 0x1_0000, virt_end: 0x1_ffff };
    expect([await mapped({ ...page, domain: 0 }), await mapped({ ...page, domain: 10 }), await mapped({ ...page, domain: 9 })]).toEqual([RANGE, RANGE, NOENT]);
    expect([await unmapped(0), await unmapped(10), await unmapped(9)]).toEqual([RANGE, RANGE, NOENT]);
  });
});

describe("MAP with the flag MMIO (virtio-iommu.md, 5.3)", () => {
  const page = { virt_start: 0x1_0000, virt_end: 0x1_ffff };
  it("of guest RAM says how to reach it, not that nobody may", async () => {
    expect(await mapped({ ...page, flags: READ | WRITE | MMIO })).toBe(OK);
    expect(await unmapped(1)).toBe(OK);
    expect(told).toEqual(["map 0x10000 0x100000000000 0x10000 0x3", "unmap 0x10000 0x10000"]);
  });
  it("of what is no RAM is recorded, and nothing is sent to the host", async () => {
    expect(await mapped({ ...page, phys_start: 0x1000_0000, flags: READ | WRITE | MMIO })).toBe(OK);
    expect(await mapped({ ...page, phys_start: 0x1000_0000, flags: READ | WRITE | MMIO })).toBe(INVAL); // it overlaps
    expect(await unmapped(1)).toBe(OK);
    expect(told).toEqual([]);
  });
  it("without it what is no RAM is INVAL: the host has no such memory", async () => {
    expect(await mapped({ ...page, phys_start: 0x1000_0000 })).toBe(INVAL);
  });
});
