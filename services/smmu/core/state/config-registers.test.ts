import { describe, expect, it } from "vitest";
import { acceleratorRig } from "../../test-support/fake-upstream.ts";
import { configRegisters } from "./config-registers.ts";

describe("configuration space by name (faultline dump config)", () => {
  it("has every register of both chains, as a read finds it", () => {
    const { fn, enableFunction } = acceleratorRig();
    enableFunction();
    fn.configWrite(0x116, 2, 0);
    fn.invalidateRequest({ pasid: 5, global: false, address: 0n, sizeBytes: 4096n, itag: 9 });
    const shown = configRegisters((offset, size) => fn.configRead(offset, size));
    expect(shown.map(({ capability, at }) => `${capability} ${at}`)).toEqual([
      "header 0x0",
      "PCIe 0x40",
      "MSI-X 0x80",
      "PASID 0x100",
      "ATS 0x110",
      "PRI 0x120",
      "AER 0x130",
    ]);
    expect(Object.assign({}, ...shown.map(({ capability, registers }) => ({ [capability]: registers })))).toMatchObject({
      header: { vendorId: "0x1234", command: "0x6", status: "0x10" },
      PCIe: { deviceStatus: "0xa" },
      PRI: { status: "0x8000", capacity: "0x20", allocation: "0x20" },
      AER: { uncorrectableStatus: "0x100000", control: "0x814", headerLog0: "0x72000002", tlpPrefixLog: "0x91000005" },
    });
  });
  it("ends at a function that is not there, and at a chain that goes nowhere", () => {
    const { fn } = acceleratorRig();
    fn.link("down");
    expect(configRegisters((offset, size) => fn.configRead(offset, size))).toMatchObject([{ capability: "header", registers: { vendorId: "0xffff" } }]);
  });
});
