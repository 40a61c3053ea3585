import { describe, expect, it } from "vitest";
import { HeldLocks } from "../execution/mutex.ts";
import {
  IommuDevice,
  iommu_page_response,
  iommu_register_device_fault_handler,
  iommu_report_device_fault,
  iommu_unregister_device_fault_handler,
  type PageRequestFault,
  type PageResponse,
} from "./report-device-fault.ts";

const request = (grpid: number, pasid: number, flags: number): PageRequestFault => ({ type: 2, flags, pasid, grpid, perm: 1, addr: 0x1000n });
const response = (grpid: number, pasid: number, flags = 1, code = 0): PageResponse => ({ version: 1, flags, pasid, grpid, code });
const [VALID, LAST, NEEDS] = [1, 2, 8];

async function device(handler: () => number = () => 0): Promise<{ device: IommuDevice; answered: [number, number, number][] }> {
  const made = new IommuDevice("0000:00:01.0", new HeldLocks());
  const answered: [number, number, number][] = [];
  made.pageResponse = (fault, answer) => {
    answered.push([fault.pasid, answer.flags, answer.pasid]);
    return answer.code > 2 ? -22 : 0;
  };
  await iommu_register_device_fault_handler(made, handler);
  return { device: made, answered };
}

describe("fault reports and page responses (iommu-core.md, section 4)", () => {
  it("takes one handler per device, and keeps it while a group waits (IC-402, IC-405)", async () => {
    const { device: made } = await device();
    expect(await iommu_register_device_fault_handler(made, () => 0)).toBe(-16);
    await iommu_report_device_fault(made, request(1, 5, VALID | LAST));
    expect(await iommu_unregister_device_fault_handler(made)).toBe(-16);
    await iommu_page_response(made, response(1, 5));
    expect(await iommu_unregister_device_fault_handler(made)).toBe(0);
    expect(await iommu_report_device_fault(made, request(1, 5, LAST))).toBe(-22);
  });

  it("keeps only last page requests, and none that the handler refused (IC-408 to IC-410)", async () => {
    const { device: made } = await device();
    await iommu_report_device_fault(made, request(1, 5, VALID));
    expect(made.pending.length).toBe(0);
    const refusing = await device(() => -28);
    expect(await iommu_report_device_fault(refusing.device, request(1, 5, VALID | LAST))).toBe(-28);
    expect(refusing.device.pending.length).toBe(0);
  });

  it("matches by group and, when the request needs it, by PASID (IC-416, IC-418)", async () => {
    const { device: made, answered } = await device();
    await iommu_report_device_fault(made, request(1, 5, VALID | LAST | NEEDS));
    expect(await iommu_page_response(made, response(1, 6))).toBe(-22);
    expect(await iommu_page_response(made, response(1, 5, 0))).toBe(-22);
    expect(await iommu_page_response(made, response(2, 5))).toBe(-22);
    expect(await iommu_page_response(made, response(1, 5))).toBe(0);
    expect(answered).toEqual([[5, 1, 5]]);
  });

  it("completes the oldest of equal groups and hides a PASID that was not asked for (IC-417, IC-422)", async () => {
    const { device: made, answered } = await device();
    await iommu_report_device_fault(made, request(1, 5, VALID | LAST));
    await iommu_report_device_fault(made, request(1, 6, VALID | LAST));
    await iommu_page_response(made, response(1, 6));
    expect(answered).toEqual([[5, 0, 0]]);
  });

  it("removes the entry whatever the driver says (IC-420, IC-421)", async () => {
    const { device: made } = await device();
    await iommu_report_device_fault(made, request(1, 5, VALID | LAST));
    expect(await iommu_page_response(made, response(1, 5, 1, 7))).toBe(-22);
    expect(made.pending.length).toBe(0);
  });

  it("refuses an unknown version, an unknown flag, and a device without a domain (IC-412, IC-414)", async () => {
    const { device: made } = await device();
    await iommu_report_device_fault(made, request(1, 5, VALID | LAST));
    expect(await iommu_page_response(made, { ...response(1, 5), version: 2 })).toBe(-22);
    expect(await iommu_page_response(made, response(1, 5, 3))).toBe(-22);
    made.pageResponse = null;
    expect(await iommu_page_response(made, response(1, 5))).toBe(-19);
  });
});
