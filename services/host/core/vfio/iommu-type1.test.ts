import { HeldLocks } from "@faultline/shared/execution/mutex.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import type { ArmSmmu } from "../arm-smmu-v3/arm-smmu-v3.ts";
import type { Domain } from "../iommu/domain.ts";
import type { AddressSpace } from "../mm/address-space.ts";
import { IommuType1 } from "./iommu-type1.ts";

/** A container with the two devices 8 and 16, and how many commands its ioctl issues. */
async function commandsOf(switches: string[], ret: number): Promise<[ret: number, batches: number]> {
  let batches = 0;
  const smmu = {
    ports: { switches: new Set(switches), execution: { locks: new HeldLocks() }, tracer: silentTracer },
    features: { asidBits: 16 },
    commandQueue: { issueWithSync: () => Promise.resolve(++batches && ret) },
  } as unknown as ArmSmmu;
  const devices = new Set([8, 16].map((sid) => ({ master: { sid } })));
  const domain = { nesting: true, vmid: 1, devices, atcInvalidate: () => Promise.resolve(0) } as unknown as Domain;
  const iommu = new IommuType1(smmu, domain, {} as AddressSpace);
  const arg = new Uint8Array(64);
  new DataView(arg.buffer).setUint32(0, 64, true); // argsz
  arg.set([56, 0, 0, 0, 1, 0, 0, 0, 1, 1], 8); // argsz, version, IOTLB, PASID granularity
  arg.set([2, 0, 0, 0, 7], 24); // ARCHID 7
  return [(await iommu.ioctl(0x3b77, arg)).ret, batches];
}

describe("VFIO_IOMMU_CACHE_INVALIDATE of a container with two devices (vfio-uapi.md, 4.2)", () => {
  it("invalidates once for the domain; with RR-80 once for each device, up to the first error", async () => {
    expect(await commandsOf([], 0)).toEqual([0, 1]);
    expect(await commandsOf(["RR-80"], 0)).toEqual([0, 2]);
    expect(await commandsOf(["RR-80"], -110)).toEqual([-110, 1]);
  });
});
