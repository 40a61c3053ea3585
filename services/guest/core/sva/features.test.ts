import { describe, expect, it } from "vitest";
import { newGuest } from "../../test-support/boot.ts";
import { svaBench as setUp } from "../../test-support/sva-bench.ts";
import { complete, settle } from "../../test-support/test-execution.ts";
import { disableIopf, disableSva, enableIopf, enableSva } from "./features.ts";

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
      const { viommu, endpoint } = await setUp(switches);
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
      const { viommu, guest, endpoint, pci, vmm } = await setUp(switches);
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
      const { viommu, endpoint, execution } = await setUp(switches);
      await complete(execution, viommu.probeEndpoint(16));
      expect(await disableSva(viommu, endpoint)).toBe(0);
      expect(await enableSva(viommu, endpoint)).toBe(ret);
    }
  });
  it("RR-17, IC-310: SVA stays on while bonds are left; with the defect it goes off under them, and a page request is refused", async () => {
    for (const [switches, ret, code] of [
      [[], -16, 0n],
      [["RR-17"], 0, 1n],
    ] as const) {
      const { vmm, viommu, endpoint, newMm, bind } = await setUp(switches);
      const mm = newMm();
      const { pasid } = await bind(mm);
      expect(await disableSva(viommu, endpoint)).toBe(ret);
      const address = BigInt(mm.mmap(4096, { read: true, write: true }, "data"));
      vmm.event({ reason: 2, flags: 0x731, endpoint: 8, pasid, address, group_id: 5 });
      await settle();
      expect(vmm.responses[0].resp_code).toBe(code);
    }
  });
  it("RR-21: SVA without a PASID table format is -ENODEV; with the defect it is enabled", async () => {
    for (const [switches, ret] of [
      [[], -19],
      [["RR-21"], 0],
    ] as const) {
      const { viommu, endpoint } = await setUp(switches);
      await disableSva(viommu, endpoint);
      endpoint.properties.pasidTable = null;
      expect(await enableSva(viommu, endpoint)).toBe(ret);
    }
  });
});
