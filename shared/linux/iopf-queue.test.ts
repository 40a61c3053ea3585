import { describe, expect, it } from "vitest";
import type { Execution } from "../execution/execution.ts";
import { HeldLocks } from "../execution/mutex.ts";
import { IopfQueue } from "./iopf-queue.ts";
import { IommuDevice, iommu_register_device_fault_handler, iommu_report_device_fault, type PageRequestFault, type PageResponse } from "./report-device-fault.ts";

const PASID = 1,
  LAST = 2,
  NEEDS_PASID = 8;
const fault = (grpid: number, flags: number, pasid = 1, addr = 0x1000n): PageRequestFault => ({ type: 2, flags, pasid, grpid, perm: 1, addr });
const locks = new HeldLocks();
const execution = { locks, spawn: (_name: string, task: () => Promise<void>) => void task() } as unknown as Execution;
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function setUp(o: { ignorePasid?: boolean; handle?: (fault: PageRequestFault) => Promise<number> } = {}) {
  const handled: PageRequestFault[] = [];
  const responses: PageResponse[] = [];
  const queue = new IopfQueue("test", {
    execution,
    ignorePasid: o.ignorePasid,
    handleSingle: async (_device, one) => {
      handled.push(one);
      return o.handle ? o.handle(one) : 0;
    },
  });
  const device = new IommuDevice("endpoint 0x8", locks);
  device.pageResponse = (_fault, response) => {
    responses.push(response);
    return 0;
  };
  await queue.iopf_queue_add_device(device);
  await iommu_register_device_fault_handler(device, (one) => queue.iommu_queue_iopf(device, one));
  const report = async (one: PageRequestFault) => {
    const ret = await iommu_report_device_fault(device, one);
    await settle();
    return ret;
  };
  return { queue, device, handled, responses, report };
}

describe("IOPF queue (iommu-core.md, section 5)", () => {
  it("IC-502, IC-503: a second add is -EBUSY, a second remove -EINVAL", async () => {
    const { queue, device } = await setUp();
    expect(await queue.iopf_queue_add_device(device)).toBe(-16);
    expect([await queue.iopf_queue_remove_device(device), await queue.iopf_queue_remove_device(device)]).toEqual([0, -22]);
  });
  it("IC-506, IC-507: an unrecoverable fault is -EOPNOTSUPP, a device in no queue -ENODEV", async () => {
    const { queue, device } = await setUp();
    expect(queue.iommu_queue_iopf(device, { type: 1, reason: 0, flags: 0, pasid: 0, perm: 0, addr: 0n, fetch_addr: 0n })).toBe(-95);
    expect(queue.iommu_queue_iopf(new IommuDevice("other", locks), fault(1, LAST))).toBe(-19);
  });
  it("IC-508, IC-509: partial faults wait; the last one makes the group, in arrival order", async () => {
    const { handled, responses, report } = await setUp();
    await report(fault(3, PASID, 1, 0x1000n));
    await report(fault(4, PASID, 1, 0x9000n));
    await report(fault(3, PASID, 1, 0x2000n));
    expect([handled.length, responses.length]).toEqual([0, 0]);
    await report(fault(3, PASID | LAST, 1, 0x3000n));
    expect(handled.map((one) => one.addr)).toEqual([0x1000n, 0x2000n, 0x3000n]);
    expect(responses).toEqual([{ version: 1, flags: 0, pasid: 1, grpid: 3, code: 0 }]);
  });
  it("IC-512: the first failure skips the rest, and there is one response", async () => {
    const { handled, responses, report } = await setUp({ handle: async (one) => (one.addr === 0x2000n ? 1 : 0) });
    await report(fault(3, PASID, 1, 0x2000n));
    await report(fault(3, PASID | LAST, 1, 0x3000n));
    expect([handled.length, responses.map((one) => one.code)]).toEqual([1, [1]]);
  });
  it("IC-513: PASID_VALID only if the last fault has a PASID that the response needs", async () => {
    const { responses, report } = await setUp();
    await report(fault(1, LAST | PASID | NEEDS_PASID, 7));
    await report(fault(2, LAST | PASID, 7));
    await report(fault(3, LAST | NEEDS_PASID, 0));
    expect(responses.map((one) => one.flags)).toEqual([1, 0]); // IC-418: the third matches nothing
  });
  it("IC-511: a slow group does not delay the next", async () => {
    let release = (_code: number) => {};
    const slow = new Promise<number>((resolve) => (release = resolve));
    const { responses, report } = await setUp({ handle: (one) => (one.grpid === 1 ? slow : Promise.resolve(0)) });
    await report(fault(1, LAST | PASID));
    await report(fault(2, LAST | PASID));
    expect(responses.map((one) => one.grpid)).toEqual([2]);
    release(0);
    await settle();
    expect(responses.map((one) => one.grpid)).toEqual([2, 1]);
  });
  it("IC-515: flush waits for queued groups", async () => {
    let release = (_code: number) => {};
    const slow = new Promise<number>((resolve) => (release = resolve));
    const { queue, device, report } = await setUp({ handle: () => slow });
    await report(fault(1, LAST | PASID));
    let flushed = false;
    const flushing = queue.iopf_queue_flush_dev(device).then(() => (flushed = true));
    await settle();
    expect(flushed).toBe(false);
    release(0);
    await flushing;
  });
  it("flush does not wait for groups that are queued after it began", async () => {
    const release = new Map<number, (code: number) => void>();
    const { queue, device, report } = await setUp({ handle: (one) => new Promise((resolve) => release.set(one.grpid, resolve)) });
    await report(fault(1, LAST | PASID));
    const flushing = queue.iopf_queue_flush_dev(device);
    await report(fault(2, LAST | PASID));
    release.get(1)!(0);
    expect(await flushing).toBe(0);
    expect(queue.queuedCount).toBe(1);
  });
  it("leftovers of one PASID can be dropped alone: it is about to be another's", async () => {
    const { queue, device, handled, report } = await setUp();
    await report(fault(3, PASID, 1, 0x1000n));
    await report(fault(3, PASID, 2, 0x2000n));
    await report(fault(3, 0, 0, 0x3000n));
    expect(queue.iopf_queue_discard_pasid(device, 1)).toBe(1);
    await report(fault(3, PASID | LAST, 1, 0x4000n));
    await report(fault(3, PASID | LAST, 2, 0x5000n));
    expect(handled.map((one) => one.addr)).toEqual([0x4000n, 0x2000n, 0x5000n]);
    expect(queue.partialCount(device)).toBe(1);
  });
  it("IC-517, IC-518: leftovers of a lost last request join the next group of that id unless they are discarded", async () => {
    const { queue, device, handled, report } = await setUp();
    await report(fault(3, PASID, 1, 0x1000n));
    queue.iopf_queue_discard_partial();
    expect(queue.partialCount(device)).toBe(0);
    await report(fault(3, PASID | LAST, 1, 0x2000n));
    expect(handled.map((one) => one.addr)).toEqual([0x2000n]);
  });
  it("RR-75: one index used for two PASIDs makes two groups; with the defect they merge", async () => {
    for (const ignorePasid of [false, true]) {
      const { handled, report } = await setUp({ ignorePasid });
      await report(fault(7, PASID, 1));
      await report(fault(7, PASID | LAST, 2));
      expect(handled.map((one) => one.pasid)).toEqual(ignorePasid ? [1, 2] : [2]);
    }
  });
});
