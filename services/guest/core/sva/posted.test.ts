import { describe, expect, it } from "vitest";
import { svaBench as setUp } from "../../test-support/sva-bench.ts";
import { complete, settle } from "../../test-support/test-execution.ts";
import { viommu_attach_dev } from "../virtio-iommu/attach.ts";
import { iommu_sva_bind_device } from "./bind.ts";
import type { Bond } from "./bond.ts";
import { enableIopf, enableSva } from "./features.ts";
import { iommu_sva_unbind_device } from "./unbind.ts";

describe("what the posted code does with an address space (rfc-review.md)", () => {
  it("RR-77: a request without ADDRESS is refused; with the defect its stale address is faulted in, and answered SUCCESS", async () => {
    for (const [switches, code, pages] of [
      [[], 1n, 0],
      [["RR-77"], 0n, 1],
    ] as const) {
      const { vmm, newMm, bind } = await setUp(switches);
      const mm = newMm();
      const { pasid } = await bind(mm);
      const address = BigInt(mm.mmap(4096, { read: true, write: true }, "data"));
      vmm.event({ reason: 2, flags: 0x1 | 0x10 | 0x20 | 0x200 | 0x400, endpoint: 8, pasid, address, group_id: 5 }); // no ADDRESS (0x100)
      await settle();
      expect([vmm.responses[0].resp_code, mm.present.size]).toEqual([code, pages]);
    }
  });
  it("RR-70: one page is invalidated as one; with the defect its size is 4097 bytes", async () => {
    for (const [switches, pages] of [
      [[], 1],
      [["RR-70"], 2],
    ] as const) {
      const { vmm, newMm, bind } = await setUp(switches);
      const mm = newMm();
      await bind(mm);
      await mm.notifiers.invalidate_range(0x1000, 0x2000);
      expect(vmm.requests.at(-1)!.bytes[40]).toBe(pages); // nr_pages
    }
  });
  it("RR-27: a bind without a PASID table is -EINVAL; with the defect it stops, and holds the group mutex", async () => {
    const { guest, viommu, endpoint, newMm, oopses } = await setUp(["RR-27"]);
    endpoint.domain = null;
    expect(await Promise.race([iommu_sva_bind_device(viommu, endpoint, newMm()), settle()])).toBeUndefined();
    expect([oopses, guest.counts()["locks:endpoint 0x8 group mutex"]]).toEqual([["RR-27"], 1]);
  });
  it("RR-22: an address space is bound to two endpoints in two domains under one PASID; with the defect the second bind stops", async () => {
    for (const switches of [[], ["RR-22"]]) {
      const { viommu, execution, pci, newMm, bind, oopses } = await setUp(switches);
      const second = await complete(execution, viommu.probeEndpoint(16));
      if (typeof second === "number") throw new Error(`PROBE returned ${second}`);
      await complete(execution, viommu_attach_dev(viommu, second));
      await enableIopf(viommu, second, pci);
      await enableSva(viommu, second);
      const mm = newMm();
      const { pasid } = await bind(mm);
      const bond = await Promise.race([iommu_sva_bind_device(viommu, second, mm), settle()]);
      expect([oopses, (bond as Bond | undefined)?.pasid]).toEqual(switches.length ? [["RR-22"], undefined] : [[], pasid]);
    }
  });
  it("RR-29: an unbind waits until the VMM has the answers of the PASID's groups; with the defect it does not", async () => {
    for (const [switches, done] of [
      [[], false],
      [["RR-29"], true],
    ] as const) {
      const { viommu, endpoint, execution, newMm, bind } = await setUp(switches);
      const bond = await bind(newMm());
      endpoint.openGroup(bond.pasid, 5); // PAGE_RESP is on its way
      let ended = false;
      const unbinding = iommu_sva_unbind_device(viommu, bond).then(() => (ended = true));
      await settle();
      expect(ended).toBe(done);
      endpoint.closeGroup(bond.pasid, 5);
      await complete(execution, unbinding);
    }
  });
});
