import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { bootedGuest, newGuest } from "../../test-support/boot.ts";
import { complete, settle } from "../../test-support/test-execution.ts";
import { Mm } from "../mm/mm.ts";
import { mmput } from "../mm/munmap.ts";
import { viommu_attach_dev } from "../virtio-iommu/attach.ts";
import { iommu_sva_bind_device } from "./bind.ts";
import type { Bond } from "./bond.ts";
import { disableIopf, disableSva, enableIopf, enableSva } from "./features.ts";
import { iommu_sva_unbind_device } from "./unbind.ts";

async function setUp(switches: string[] = []) {
  const all = await bootedGuest({ switches });
  const { guest, memory } = all;
  const endpoint = guest.viommu.endpoints.get(8)!;
  const newMm = () =>
    Mm.create("process", {
      memory,
      frames: guest.frames,
      files: guest.files,
      outputBits: 48,
      execution: all.execution,
      tracer: silentTracer,
      switches: new Set(switches),
      alive: { alive: 0 },
    })!;
  const bind = async (mm: Mm) => (await complete(all.execution, iommu_sva_bind_device(guest.viommu, endpoint, mm))) as Bond;
  const invalidations = () =>
    all.vmm.requests.filter((request) => request.type === 7).map(({ bytes }) => ({ gran: bytes[4], type: bytes[6], flags: bytes[8], pasid: bytes[16], asid: bytes[24] }));
  return { ...all, viommu: guest.viommu, endpoint, pci: guest.drivers.get(8)!.pci, newMm, bind, invalidations };
}

describe("iommu_sva_bind_device (flow.md S5)", () => {
  it("writes the CD of the mm at its PASID with two INVALIDATE T_PASID, F_PASID | F_LEAF", async () => {
    const { vmm, newMm, bind, invalidations } = await setUp();
    const mm = newMm();
    const bond = await bind(mm);
    expect(vmm.cd(bond.pasid)).toMatchObject({ V: 1n, ASET: 0n, ASID: BigInt(mm.asid), TTB0: BigInt(mm.pageTable.root) >> 4n });
    expect(invalidations()).toEqual(Array(2).fill({ gran: 2, type: 4, flags: 5, pasid: 1, asid: 0 }));
  });
  it("IC-105: the same mm again takes a reference, and each bind needs one unbind", async () => {
    const { vmm, viommu, execution, newMm, bind } = await setUp();
    const mm = newMm();
    const bond = await bind(mm);
    expect(await bind(mm)).toBe(bond);
    await complete(execution, iommu_sva_unbind_device(viommu, bond));
    expect(vmm.cd(1).V).toBe(1n);
    await complete(execution, iommu_sva_unbind_device(viommu, bond));
    expect([vmm.cd(1).V, mm.pasid, mm.asid, mm.notifiers.count]).toEqual([0n, 0, 0, 0]);
  });
  it("leaves nothing behind when the CD cannot be propagated (RR-84)", async () => {
    const { vmm, viommu, newMm, bind } = await setUp();
    vmm.status = (type) => (type === 7 ? 3 : 0);
    const mm = newMm();
    expect(await bind(mm)).toBe(-5);
    expect([vmm.cd(1).V, mm.pasid, mm.asid, mm.notifiers.count, viommu.pasids.size]).toEqual([0n, 0, 0, 0, 0]);
  });
  it("is -ENODEV without SVA and -EINVAL without a PASID table (RR-27)", async () => {
    const { viommu, endpoint, newMm, bind } = await setUp();
    endpoint.domain = null;
    expect(await bind(newMm())).toBe(-22);
    await disableSva(viommu, endpoint);
    expect(await bind(newMm())).toBe(-19);
  });
});

describe("unbind and exit (flow.md T1, T2)", () => {
  it("clears the CD, then flushes by ASID with the ATC", async () => {
    const { viommu, execution, newMm, bind, invalidations } = await setUp();
    const mm = newMm();
    const bond = await bind(mm);
    const { asid } = mm;
    await complete(execution, iommu_sva_unbind_device(viommu, bond));
    expect(invalidations().slice(2)).toEqual([
      { gran: 2, type: 4, flags: 5, pasid: 1, asid: 0 },
      { gran: 2, type: 3, flags: 2, pasid: 0, asid },
    ]);
  });
  it("asks for no ATC invalidation under RR-28", async () => {
    const { viommu, execution, newMm, bind, invalidations } = await setUp(["RR-28"]);
    await complete(execution, iommu_sva_unbind_device(viommu, await bind(newMm())));
    expect(invalidations().at(-1)?.type).toBe(1);
  });
  it("a process that exits without unbind leaves a quiet CD before its tables are freed, and unbind does not flush again", async () => {
    const { vmm, viommu, execution, guest, newMm, bind, invalidations } = await setUp();
    const mm = newMm();
    const bond = await bind(mm);
    const free = guest.frames.freeCount;
    await complete(execution, mmput(mm));
    expect(vmm.cd(1)).toMatchObject({ V: 1n, EPD0: 1n, R: 0n, S: 0n });
    expect(guest.frames.freeCount).toBeGreaterThan(free);
    expect(invalidations().length).toBe(4);
    await complete(execution, iommu_sva_unbind_device(viommu, bond));
    expect(invalidations().length).toBe(5);
  });
  it("waits until every group that was seen is answered", async () => {
    const { vmm, viommu, execution, newMm, bind } = await setUp();
    const bond = await bind(newMm());
    let release = () => {};
    execution.held.set("guest.iopf.before-handle", new Promise((resolve) => (release = resolve)));
    vmm.event({ reason: 2, flags: 0x731, endpoint: 8, pasid: 1, address: 0x1000n, group_id: 5 });
    await settle();
    let done = false;
    const unbinding = iommu_sva_unbind_device(viommu, bond).then(() => (done = true));
    await settle();
    expect([done, vmm.cd(1).V]).toEqual([false, 1n]);
    release();
    await complete(execution, unbinding);
    expect(vmm.responses).toMatchObject([{ group_id: 5n, resp_code: 1n }]);
  });
  it("drops what a lost last request left of the PASID, and not that of others (IC-1105, IC-518)", async () => {
    const { vmm, viommu, endpoint, execution, newMm, bind } = await setUp();
    const [bond] = [await bind(newMm()), await bind(newMm())];
    for (const pasid of [1, 2]) vmm.event({ reason: 2, flags: 0x721, endpoint: 8, pasid, address: 0x1000n, group_id: 5 }); // no LAST
    await settle();
    expect(viommu.iopf.partialCount(endpoint.iommu)).toBe(2);
    await complete(execution, iommu_sva_unbind_device(viommu, bond));
    expect(viommu.iopf.partialCount(endpoint.iommu)).toBe(1);
  });
  it("an event that comes with the last invalidation is handled before the PASID is free (FL-I6)", async () => {
    const { vmm, viommu, execution, newMm, bind } = await setUp();
    const bond = await bind(newMm());
    let pasidsThen = -1;
    vmm.status = (type, bytes) => {
      if (type === 7 && bytes[6] === 3) vmm.event({ reason: 2, flags: 0x731, endpoint: 8, pasid: 1, address: 0x1000n, group_id: 6 });
      if (type === 8) pasidsThen = viommu.pasids.size;
      return 0;
    };
    await complete(execution, iommu_sva_unbind_device(viommu, bond));
    expect([pasidsThen, viommu.pasids.size]).toEqual([1, 0]);
  });
  it("keeps PASID, ASID and the dead address space when a flush fails, until one succeeds before a bind (RR-84)", async () => {
    const { guest, vmm, viommu, execution, newMm, bind } = await setUp();
    const free = guest.frames.freeCount;
    const mm = newMm();
    const bond = await bind(mm);
    const asids = viommu.asids.size;
    vmm.status = (type) => (type === 7 ? 3 : 0);
    await complete(execution, iommu_sva_unbind_device(viommu, bond));
    await complete(execution, mmput(mm));
    expect([viommu.pasids.size, viommu.asids.size, vmm.cd(1).V]).toEqual([1, asids, 0n]);
    expect(guest.frames.freeCount).toBeLessThan(free);
    const other = newMm();
    expect(await bind(other)).toBe(-5); // and the flush fails again
    expect(viommu.pasids.size).toBe(1);
    await complete(execution, mmput(other));
    vmm.status = () => 0;
    const third = newMm();
    const again = await bind(third);
    expect([again.pasid, viommu.pasids.size, viommu.asids.size]).toEqual([1, 1, asids]);
    await complete(execution, iommu_sva_unbind_device(viommu, again));
    await complete(execution, mmput(third));
    expect(guest.frames.freeCount).toBe(free);
  });
  it("an exit whose flush failed is flushed again by the unbind", async () => {
    const { vmm, viommu, execution, newMm, bind, invalidations } = await setUp();
    const mm = newMm();
    const bond = await bind(mm);
    vmm.status = (type, bytes) => (type === 7 && bytes[6] === 3 ? 3 : 0);
    await complete(execution, mmput(mm));
    vmm.status = () => 0;
    await complete(execution, iommu_sva_unbind_device(viommu, bond));
    expect(invalidations().filter(({ type }) => type === 3)).toHaveLength(2);
    expect(viommu.pasids.size).toBe(0);
  });
});

describe("features (iommu-core.md, section 3)", () => {
  it("IC-304, IC-312: enabling twice is -EBUSY, IOPF before SVA is -EBUSY, bonds keep SVA", async () => {
    const { viommu, endpoint, pci, newMm, bind } = await setUp();
    expect([await enableIopf(viommu, endpoint, pci), await enableSva(viommu, endpoint), await disableIopf(viommu, endpoint)]).toEqual([-16, -16, -16]);
    await bind(newMm());
    expect(await disableSva(viommu, endpoint)).toBe(-16);
  });
  it("IC-306, IC-309: SVA needs IOPF where it is supported; disabling what is off is -EINVAL", async () => {
    const { viommu, endpoint } = await setUp();
    expect([await disableSva(viommu, endpoint), await disableIopf(viommu, endpoint)]).toEqual([0, 0]);
    expect([await enableSva(viommu, endpoint), await disableSva(viommu, endpoint), await disableIopf(viommu, endpoint)]).toEqual([-22, -22, -22]);
  });
  it("RR-18: change one at a time; with the defect a second enable gets as far as the queue, and IOPF goes off under SVA", async () => {
    for (const [switches, ret, iopf] of [
      [[], -16, true],
      [["RR-18"], 0, false],
    ] as const) {
      const { viommu, endpoint } = await setUp([...switches]);
      await disableSva(viommu, endpoint);
      const [enabled, disabled] = await Promise.all([enableSva(viommu, endpoint), disableIopf(viommu, endpoint)]);
      expect([enabled, disabled, endpoint.svaEnabled, endpoint.iopfEnabled]).toEqual([0, ret, true, iopf]);
    }
  });
  it("RR-19: PRI is the host's; with the defect the guest enables it: -EBUSY where the host has it on, and no effect where it is off", async () => {
    for (const [switches, on, ret] of [
      [[], true, 0],
      [["RR-19"], true, -16],
      [["RR-19"], false, 0],
    ] as const) {
      const { guest, vmm, execution } = newGuest({ switches: [...switches] });
      if (on) vmm.config.set([1, 0, 0, 0], 0x114); // Enable, not Stopped
      expect(await complete(execution, guest.boot())).toBe(ret);
      expect(vmm.config[0x114]).toBe(on ? 1 : 0);
    }
  });
  it("RR-15: an endpoint whose PRI cannot be enabled lets the next one try; with the defect that one waits for ever", async () => {
    for (const [switches, ret] of [
      [["RR-19"], -16],
      [["RR-19", "RR-15"], undefined],
    ] as const) {
      const { viommu, guest, endpoint, pci, vmm } = await setUp([...switches]);
      endpoint.iopfEnabled = false;
      vmm.config.set([1, 0, 0, 0], 0x114);
      expect(await enableIopf(viommu, endpoint, pci)).toBe(-16);
      expect(await Promise.race([enableIopf(viommu, endpoint, pci), settle().then(settle)])).toBe(ret);
      expect(guest.counts().locks).toBe(ret === undefined ? 1 : 0);
    }
  });
  it("RR-30: every endpoint is in the driver's one queue; with the defect the next endpoint's probe takes it away, and SVA cannot be enabled again", async () => {
    for (const [switches, ret] of [
      [[], 0],
      [["RR-30"], -16],
    ] as const) {
      const { viommu, endpoint, execution } = await setUp([...switches]);
      await complete(execution, viommu.probeEndpoint(16));
      expect(await disableSva(viommu, endpoint)).toBe(0);
      expect(await enableSva(viommu, endpoint)).toBe(ret);
    }
  });
});

describe("what the posted code does with an address space (rfc-review.md)", () => {
  it("RR-77: a request without ADDRESS is refused; with the defect its stale address is faulted in, and answered SUCCESS", async () => {
    for (const [switches, code, pages] of [
      [[], 1n, 0],
      [["RR-77"], 0n, 1],
    ] as const) {
      const { vmm, newMm, bind } = await setUp([...switches]);
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
      const { vmm, newMm, bind } = await setUp([...switches]);
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
  it("RR-21: SVA without a PASID table format is -ENODEV; with the defect it is enabled", async () => {
    for (const [switches, ret] of [
      [[], -19],
      [["RR-21"], 0],
    ] as const) {
      const { viommu, endpoint } = await setUp([...switches]);
      await disableSva(viommu, endpoint);
      endpoint.properties.pasidTable = null;
      expect(await enableSva(viommu, endpoint)).toBe(ret);
    }
  });
});
