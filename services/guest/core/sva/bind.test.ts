import { describe, expect, it } from "vitest";
import { svaBench as setUp } from "../../test-support/sva-bench.ts";
import { complete, settle } from "../../test-support/test-execution.ts";
import { mmput, munmap } from "../mm/munmap.ts";
import { writeUser } from "../mm/user-access.ts";
import { disableSva } from "./features.ts";
import { iommu_sva_unbind_device } from "./unbind.ts";

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
  it("gives no page back by a munmap after an unbind whose flush failed, before one succeeds (RR-84)", async () => {
    const { guest, vmm, viommu, execution, newMm, bind } = await setUp();
    const free = guest.frames.freeCount;
    const mm = newMm();
    const bond = await bind(mm);
    const va = mm.mmap(4096, { read: true, write: true }, "page");
    await complete(execution, writeUser(mm, va, new Uint8Array(1)));
    vmm.status = (type) => (type === 7 ? 3 : 0);
    await complete(execution, iommu_sva_unbind_device(viommu, bond));
    const before = guest.frames.freeCount;
    await complete(execution, munmap(mm, va));
    expect(guest.frames.freeCount).toBe(before);
    vmm.status = () => 0;
    const other = newMm();
    await complete(execution, iommu_sva_unbind_device(viommu, await bind(other)));
    for (const one of [mm, other]) await complete(execution, mmput(one));
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
