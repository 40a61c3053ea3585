import { rfc_v1_virtio_iommu_fault } from "@faultline/shared/virtio/virtio-iommu-rfc-v1.ts";
import { describe, expect, it } from "vitest";
import { bootedGuest, newGuest } from "../../test-support/boot.ts";
import { complete, settle } from "../../test-support/test-execution.ts";
import { viommu_attach_dev } from "./attach.ts";

/** A guest that boots on a device of `pasidBits`, and what its ATTACH_TABLE said. */
async function attached(o: { switches?: string[]; pasidBits?: number; unwritten?: number[]; features?: bigint; abi?: "rfc-v1" | "review" }) {
  const all = newGuest({ switches: o.switches, abi: o.abi });
  all.vmm.pasidBits = o.pasidBits ?? 8;
  all.vmm.features = o.features ?? all.vmm.features;
  for (const type of o.unwritten ?? []) all.vmm.unwritten.add(type);
  const ret = await complete(all.execution, all.guest.boot());
  return { ...all, ret };
}

describe("ATTACH_TABLE (virtio-iommu.md, 6.4)", () => {
  it("RR-37: a linear table is sent with its address; with the defect s1contextptr is 0, that of a two-level table is not", async () => {
    expect((await attached({})).vmm.table).toBeGreaterThan(0);
    expect((await attached({ switches: ["RR-37"] })).vmm.table).toBe(0);
    expect((await attached({ switches: ["RR-37"], pasidBits: 16 })).vmm.table).toBeGreaterThan(0);
  });
  it("RR-32: with the defect no endpoint is attached, -ENOSYS, and nothing is sent", async () => {
    const { ret, vmm } = await attached({ switches: ["RR-32"] });
    expect([ret, vmm.requests.map(({ type }) => type)]).toEqual([-38, [5]]);
  });
  it("VI-G-10, RR-58: used length 0 is -EIO; with the defect the guest takes its table for attached", async () => {
    const refused = await attached({ unwritten: [6] });
    expect([refused.ret, refused.guest.viommu.endpoints.get(8)!.domain]).toEqual([-5, null]);
    const taken = await attached({ unwritten: [6], switches: ["RR-58"] });
    expect([taken.ret, taken.guest.viommu.endpoints.get(8)!.domain?.attached, taken.vmm.table]).toEqual([0, true, 0]);
  });
  it("RR-06: without F_PROBE an endpoint is known to the fault path of rfc-v1 all the same; with the defect its requests are dropped", async () => {
    for (const [switches, answers] of [
      [[], 1],
      [["RR-06"], 0],
    ] as const) {
      const { ret, vmm } = await attached({ switches: [...switches], abi: "rfc-v1", features: (1n << 32n) | 0b1100_0111n }); // no bit 4
      vmm.dropResponses = true; // it reads those of review
      const head = vmm.eventHeads[0];
      const written = rfc_v1_virtio_iommu_fault.encode({ reason: 2, flt_type: 2, flags: 0x101, pr_evt_flags: 2, endpoint: 8, grpid: 5, address: 0x1000n }); // LAST
      vmm.deliver({ kind: "used", queue: 1, head, written, interrupt: true });
      await settle();
      expect([ret, vmm.requests.filter(({ type }) => type === 8).length]).toEqual([-19, answers]); // no table format is known
    }
  });
  it("RR-82: nothing is invalidated of a domain that the device does not know; with the defect ATTACH_TABLE comes after two of them", async () => {
    expect((await attached({})).vmm.requests.map(({ type }) => type)).toEqual([5, 6]);
    expect((await attached({ switches: ["RR-82"] })).vmm.requests.map(({ type }) => type)).toEqual([5, 7, 7, 6]);
    expect((await attached({ switches: ["RR-82"], pasidBits: 16 })).vmm.requests.map(({ type }) => type)).toEqual([5, 7, 7, 7, 6]); // a leaf, too
  });
  it("RR-83: requests are under way together; with the defect the second waits for the first", async () => {
    for (const [switches, underWay] of [
      [[], 2],
      [["RR-83"], 1],
    ] as const) {
      const { guest, vmm } = await bootedGuest({ switches: [...switches] });
      vmm.deliver = () => {}; // the device uses nothing
      for (let n = 0; n < 2; n++) void guest.viommu.requests.send(new Uint8Array(20));
      await settle();
      expect(guest.viommu.requests.underWay).toBe(underWay);
    }
  });
  it("RR-91: a PASID table format without a page table format is -ENODEV; with the defect the driver stops at it", async () => {
    for (const switches of [[], ["RR-91"]]) {
      const { guest, execution, oopses } = await bootedGuest({ switches });
      const endpoint = await complete(execution, guest.viommu.probeEndpoint(16));
      if (typeof endpoint === "number") throw new Error(`PROBE returned ${endpoint}`);
      endpoint.properties.asidBits = null;
      const attaching = viommu_attach_dev(guest.viommu, endpoint);
      expect(await Promise.race([attaching, settle()])).toBe(switches.length ? undefined : -19);
      expect(oopses).toEqual(switches);
    }
  });
});
