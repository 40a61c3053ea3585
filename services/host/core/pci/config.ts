import { numberOf, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import { ecamAddress } from "@faultline/shared/machine/address-map.ts";
import type { Bus } from "../bus.ts";

/** Offsets and bits of configuration space. linux/pci_regs.h. */
export const PCI = {
  VENDOR_ID: 0x00,
  COMMAND: 0x04,
  STATUS: 0x06,
  BASE_ADDRESS_0: 0x10,
  ROM_ADDRESS: 0x30,
  CAPABILITY_LIST: 0x34,
  INTERRUPT_LINE: 0x3c,
  COMMAND_MEMORY: 0x2,
  COMMAND_MASTER: 0x4,
  COMMAND_INTX_DISABLE: 0x400,
  STATUS_CAP_LIST: 0x10,
} as const;
export const CAP_ID = { EXP: 0x10, MSIX: 0x11 } as const;
export const EXT_CAP_ID = { ERR: 0x0001, ATS: 0x000f, PRI: 0x0013, PASID: 0x001b } as const;

/** One function as its kernel reaches it: accesses of 1, 2 or 4 bytes through ECAM. */
export class PciConfig {
  readonly bdf: number;
  readonly #bus: Bus;

  constructor(bus: Bus, bdf: number) {
    this.#bus = bus;
    this.bdf = bdf;
  }

  async read(offset: number, size: 1 | 2 | 4): Promise<number> {
    return numberOf(await this.#bus.readBytes(ecamAddress(this.bdf, offset), size));
  }

  write(offset: number, size: 1 | 2 | 4, value: number): Promise<void> {
    return this.#bus.configWrite(ecamAddress(this.bdf, offset), uint64Bytes(value >>> 0).subarray(0, size));
  }
}

export interface CapabilityEntry {
  id: number;
  offset: number;
  next: number;
  version: number;
}

/** The capability list below 0x100; at most 48 entries, so that a loop ends. */
export async function capabilities(config: PciConfig): Promise<CapabilityEntry[]> {
  const found: CapabilityEntry[] = [];
  if (((await config.read(PCI.STATUS, 2)) & PCI.STATUS_CAP_LIST) === 0) return found;
  for (let offset = (await config.read(PCI.CAPABILITY_LIST, 1)) & 0xfc; offset >= 0x40 && found.length < 48; ) {
    const header = await config.read(offset, 2);
    const next = (header >>> 8) & 0xfc;
    found.push({ id: header & 0xff, offset, next, version: 0 });
    offset = next;
  }
  return found;
}

/** The list of extended capabilities from 0x100. */
export async function extendedCapabilities(config: PciConfig): Promise<CapabilityEntry[]> {
  const found: CapabilityEntry[] = [];
  for (let offset = 0x100; offset >= 0x100 && found.length < 480; ) {
    const header = await config.read(offset, 4);
    if (header === 0 || header === 0xffffffff) break;
    const next = (header >>> 20) & 0xffc;
    found.push({ id: header & 0xffff, offset, next, version: (header >>> 16) & 0xf });
    offset = next;
  }
  return found;
}
