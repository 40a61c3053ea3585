import { numberOf } from "@faultline/shared/codec/uint64.ts";
import { describe, expect, it } from "vitest";
import type { Bus } from "../bus.ts";
import { PciDevice } from "../pci/pci-device.ts";
import { VfioPciConfig } from "./pci-config.ts";

const [ATS, AER] = [0x100, 0x130];

/** A function with ATS and AER; what reaches it. */
function shown() {
  const written: [offset: number, value: number][] = [];
  const bus = {
    readBytes: async (_address: number, size: number) => new Uint8Array(size),
    configWrite: async (address: number, value: Uint8Array) => void written.push([address % 4096, numberOf(value)]),
  } as unknown as Bus;
  const device = new PciDevice(bus, 8);
  device.caps = [{ id: 0x10, offset: 0x40, next: 0, version: 0 }];
  device.extCaps = [
    { id: 0x000f, offset: ATS, next: AER, version: 1 },
    { id: 0x0001, offset: AER, next: 0, version: 2 },
  ];
  return { written, config: new VfioPciConfig(device, async () => 0) };
}
const ones = (bytes: number) => new Uint8Array(bytes).fill(0xff);

describe("configuration writes of a user (drivers/vfio/pci/vfio_pci_config.c)", () => {
  it.each([
    ["AER uncorrectable status", AER + 0x04],
    ["AER uncorrectable mask", AER + 0x08],
    ["AER uncorrectable severity", AER + 0x0c],
    ["AER correctable status", AER + 0x10],
    ["AER correctable mask", AER + 0x14],
  ])("%s reaches the function (init_pci_ext_cap_err_perm)", async (_name, offset) => {
    const { config, written } = shown();
    await config.write(offset, ones(4));
    expect(written).toEqual([[offset, 0xffff_ffff]]);
  });
  it.each([
    ["the AER header", AER, 4],
    ["the AER log", AER + 0x1c, 4],
    ["ATS control", ATS + 6, 2],
    ["Device Status", 0x4a, 2],
  ])("%s does not", async (_name, offset, bytes) => {
    const { config, written } = shown();
    await config.write(offset, ones(bytes));
    expect(written).toEqual([]);
  });
});
