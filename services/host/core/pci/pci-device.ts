import { addressMap } from "@faultline/shared/machine/address-map.ts";
import type { Bus } from "../bus.ts";
import { CAP_ID, type CapabilityEntry, capabilities, EXT_CAP_ID, extendedCapabilities, PCI, PciConfig } from "./config.ts";

export interface Bar {
  base: number;
  size: number;
  is64: boolean;
}
/** The MSI-X capability: its table of 16-byte entries in a BAR. */
export interface MsixCapability {
  offset: number;
  vectors: number;
  tableBar: number;
  tableOffset: number;
}

/** struct pci_dev: what enumeration learnt about a function. */
export class PciDevice {
  readonly bdf: number;
  readonly config: PciConfig;
  readonly bars = new Map<number, Bar>();
  caps: CapabilityEntry[] = [];
  extCaps: CapabilityEntry[] = [];
  msix: MsixCapability | null = null;
  pasidWidth = 0;
  pri: { capacity: number; prgResponsePasidRequired: boolean } | null = null;

  constructor(bus: Bus, bdf: number) {
    this.bdf = bdf;
    this.config = new PciConfig(bus, bdf);
  }

  /** "0000:00:01.0" */
  get name(): string {
    const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
    return `0000:${hex(this.bdf >>> 8, 2)}:${hex((this.bdf >>> 3) & 31, 2)}.${this.bdf & 7}`;
  }

  cap(id: number): number | null {
    return this.caps.find((cap) => cap.id === id)?.offset ?? null;
  }

  extCap(id: number): number | null {
    return this.extCaps.find((cap) => cap.id === id)?.offset ?? null;
  }

  get atsSupported(): boolean {
    return this.extCap(EXT_CAP_ID.ATS) !== null;
  }
}

/** Hands out naturally aligned BAR addresses in the window. */
export class BarWindow {
  #next: number = addressMap.barWindow.base;

  /** Null: the window is full. */
  assign(size: number): number | null {
    const base = Math.ceil(this.#next / size) * size;
    if (base + size > addressMap.barWindow.base + addressMap.barWindow.size) return null;
    this.#next = base + size;
    return base;
  }
}

/** Enumerates one function: capabilities, BARs sized and assigned, memory space on. Null: nothing answers there. */
export async function enumerate(bus: Bus, bdf: number, window: BarWindow): Promise<PciDevice | null> {
  const device = new PciDevice(bus, bdf);
  const { config } = device;
  const id = await config.read(PCI.VENDOR_ID, 4);
  if ((id & 0xffff) === 0xffff) return null;
  device.caps = await capabilities(config);
  device.extCaps = await extendedCapabilities(config);
  await config.write(PCI.COMMAND, 2, PCI.COMMAND_INTX_DISABLE);
  for (let bar = 0; bar < 6; bar++) {
    const register = PCI.BASE_ADDRESS_0 + 4 * bar;
    await config.write(register, 4, 0xffffffff);
    const mask = await config.read(register, 4);
    if ((mask & ~0xf) === 0) continue;
    const is64 = (mask & 6) === 4;
    const size = ~(mask & ~0xf) + 1; // BARs of this machine are below 2 GiB
    const base = window.assign(size);
    if (base === null) continue;
    await config.write(register, 4, base);
    if (is64) await config.write(register + 4, 4, 0);
    device.bars.set(bar, { base, size, is64 });
    if (is64) bar++;
  }
  await config.write(PCI.COMMAND, 2, PCI.COMMAND_MEMORY | PCI.COMMAND_INTX_DISABLE);
  const msix = device.cap(CAP_ID.MSIX);
  if (msix !== null) {
    const table = await config.read(msix + 4, 4);
    device.msix = { offset: msix, vectors: ((await config.read(msix + 2, 2)) & 0x7ff) + 1, tableBar: table & 7, tableOffset: (table & ~7) >>> 0 };
  }
  const pasid = device.extCap(EXT_CAP_ID.PASID);
  if (pasid !== null) device.pasidWidth = ((await config.read(pasid + 4, 2)) >>> 8) & 0x1f;
  const pri = device.extCap(EXT_CAP_ID.PRI);
  if (pri !== null) device.pri = { capacity: await config.read(pri + 8, 4), prgResponsePasidRequired: ((await config.read(pri + 6, 2)) & 0x8000) !== 0 };
  return device;
}
