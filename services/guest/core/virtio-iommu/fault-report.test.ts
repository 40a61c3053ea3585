import { virtio_iommu_fault } from "@faultline/shared/virtio/virtio-iommu.ts";
import { describe, expect, it } from "vitest";
import { bootedGuest } from "../../test-support/boot.ts";
import { settle } from "../../test-support/test-execution.ts";
import { disableSva } from "../sva/features.ts";

// READ, LAST, PAGE_REQ, ADDRESS, PASID, GROUP_ID
const REQUEST = 0x1 | 0x10 | 0x20 | 0x100 | 0x200 | 0x400;
const request = (group_id: number, flags = REQUEST) => ({ reason: 2, flags, endpoint: 8, pasid: 9, address: 0x1000n, group_id });

describe("a page request from the event queue (virtio-iommu.md, 7.6)", () => {
  it("for an unknown PASID is answered INVALID", async () => {
    const { vmm } = await bootedGuest();
    vmm.event(request(5));
    await settle();
    expect(vmm.responses).toMatchObject([{ endpoint: 8n, group_id: 5n, pasid: 9n, flags: 1n, resp_code: 1n }]);
  });
  it("gives its buffer back to the device", async () => {
    const { vmm } = await bootedGuest();
    for (let group = 0; group < 300; group++) {
      vmm.event(request(group));
      await settle();
    }
    expect(vmm.eventHeads.length).toBe(256);
    expect(vmm.responses.length).toBe(300);
  });
  it("RR-13: that cannot be reported is answered INVALID; with the defect never", async () => {
    for (const switches of [[], ["RR-13"]]) {
      const { vmm, guest } = await bootedGuest({ switches });
      await disableSva(guest.viommu, guest.viommu.endpoints.get(8)!);
      vmm.event(request(5));
      await settle();
      expect(vmm.responses.map((response) => response.resp_code)).toEqual(switches.length ? [] : [1n]);
    }
  });
  it("RR-09: two in one batch are both answered; with the defect the first is lost", async () => {
    for (const switches of [[], ["RR-09"]]) {
      const { vmm, execution } = await bootedGuest({ switches });
      const spawn = execution.spawn.bind(execution);
      execution.spawn = (name, task) => spawn(name, async () => (name.includes("work") ? settle().then(task) : task()));
      vmm.event(request(1));
      vmm.event(request(2));
      await settle();
      await settle();
      expect(vmm.responses.map((response) => Number(response.group_id))).toEqual(switches.length ? [2] : [1, 2]);
    }
  });
  it("RR-10: is copied before its buffer goes back; with the defect the next event in that buffer is read in its place", async () => {
    for (const switches of [[], ["RR-10"]]) {
      const { vmm, execution } = await bootedGuest({ switches });
      const spawn = execution.spawn.bind(execution);
      let run = () => {};
      const worker = new Promise<void>((resolve) => (run = resolve));
      execution.spawn = (name, task) => spawn(name, async () => (name.includes("work") ? worker.then(task) : task()));
      vmm.event(request(5));
      await settle(); // the handler has given the buffer back; a work item would not have run
      vmm.eventHeads.unshift(vmm.eventHeads.pop()!);
      vmm.event(request(7));
      run();
      await settle();
      expect(vmm.responses.map(({ group_id }) => Number(group_id))).toEqual(switches.length ? [7, 7] : [5, 7]);
    }
  });
  it("RR-72: cut to 24 bytes has nothing behind them; with the defect it has the group of the event before it in its buffer", async () => {
    for (const switches of [[], ["RR-72"]]) {
      const { vmm } = await bootedGuest({ switches });
      vmm.event(request(5));
      await settle();
      const head = vmm.eventHeads.pop()!;
      vmm.deliver({ kind: "used", queue: 1, head, written: virtio_iommu_fault.encode(request(7)).subarray(0, 24), interrupt: true });
      await settle();
      expect(vmm.responses.map(({ group_id }) => Number(group_id))).toEqual(switches.length ? [5, 5] : [5, 0]);
    }
  });
  it("RR-12: without a PASID keeps its group; with the defect it is group 0", async () => {
    for (const switches of [[], ["RR-12"]]) {
      const { vmm } = await bootedGuest({ switches });
      vmm.event(request(5, REQUEST & ~0x200));
      await settle();
      expect(vmm.responses).toMatchObject([{ group_id: switches.length ? 0n : 5n, flags: 0n, resp_code: 1n }]);
    }
  });
  it("RR-75: the first of a group waits for the last one of its PASID; with the defect for the last one of its index", async () => {
    for (const [switches, waiting] of [
      [[], 1],
      [["RR-75"], 0],
    ] as const) {
      const { vmm, guest } = await bootedGuest({ switches: [...switches] });
      vmm.event({ ...request(7, REQUEST & ~0x10), pasid: 1 }); // no LAST
      vmm.event({ ...request(7), pasid: 2 });
      await settle();
      expect(vmm.responses).toMatchObject([{ group_id: 7n, pasid: 2n }]);
      expect(guest.counts().partial).toBe(waiting);
    }
  });
  it("RR-77: without ADDRESS faults nowhere and is answered INVALID", async () => {
    const { vmm } = await bootedGuest();
    vmm.event(request(5, REQUEST & ~0x100));
    await settle();
    expect(vmm.responses).toMatchObject([{ group_id: 5n, resp_code: 1n }]);
  });
  it("RR-11: of an endpoint that nobody knows is dropped; with the defect the event thread stops at it", async () => {
    for (const switches of [[], ["RR-11"]]) {
      const { vmm, oopses } = await bootedGuest({ switches });
      vmm.event({ ...request(5), endpoint: 0xdead });
      vmm.event(request(6));
      await settle();
      expect([oopses, vmm.responses.map(({ group_id }) => group_id)]).toEqual(switches.length ? [["RR-11"], []] : [[], [6n]]);
    }
  });
  it("RR-60: of an endpoint without a domain is answered (VI-X-18); with the defect the task stops, and holds the lock of the pending list", async () => {
    for (const switches of [[], ["RR-60"]]) {
      const { vmm, guest, oopses } = await bootedGuest({ switches });
      guest.viommu.endpoints.get(8)!.domain = null;
      vmm.event(request(5));
      await settle();
      const held = Object.keys(guest.counts()).filter((name) => name.startsWith("locks:"));
      expect([oopses, vmm.responses.length, held]).toEqual(switches.length ? [["RR-60"], 0, ["locks:endpoint 0x8 fault_param lock"]] : [[], 1, []]);
    }
  });
  it("RR-86: that needs no PASID in its response is answered without one; with the defect its number goes along, without the flag", async () => {
    for (const switches of [[], ["RR-86"]]) {
      const { vmm, guest } = await bootedGuest({ switches });
      guest.viommu.endpoints.get(8)!.properties.pageRequest = { responseNeedsPasid: false };
      vmm.event(request(5));
      await settle();
      expect(vmm.responses).toMatchObject([{ group_id: 5n, flags: 0n, pasid: switches.length ? 9n : 0n }]);
    }
  });
  it("VI-G-37: with reserved bytes set is ignored, and its buffer goes back", async () => {
    const { vmm } = await bootedGuest();
    vmm.event({ ...request(5), reserved: 1 });
    await settle();
    expect([vmm.responses.length, vmm.eventHeads.length]).toEqual([0, 256]);
  });
});
