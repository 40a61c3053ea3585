import { hex } from "@faultline/shared/codec/uint64.ts";
import { AER } from "@faultline/shared/pcie/aer.ts";
import { ATS, CAPABILITY, EXTENDED_CAPABILITY, HEADER, MSIX_CAPABILITY, PASID, PCIE, PRI } from "@faultline/shared/pcie/capabilities.ts";

type Registers = Record<string, readonly [offset: number, size: 2 | 4]>;

/** What is shown of the header and of each capability, by offset from its start. */
const HEADER_REGISTERS: Registers = {
  vendorId: [HEADER.vendorId, 2],
  deviceId: [HEADER.deviceId, 2],
  command: [HEADER.command, 2],
  status: [HEADER.status, 2],
  bar0: [HEADER.bar0, 4],
};
const CAPABILITIES: Record<number, { name: string; registers: Registers }> = {
  [CAPABILITY.PCIe]: {
    name: "PCIe",
    registers: {
      deviceCapabilities: [PCIE.deviceCapabilities, 4],
      deviceControl: [PCIE.deviceControl, 2],
      deviceStatus: [PCIE.deviceStatus, 2],
      deviceCapabilities2: [PCIE.deviceCapabilities2, 4],
      deviceControl2: [PCIE.deviceControl2, 2],
    },
  },
  [CAPABILITY.MSIX]: { name: "MSI-X", registers: { control: [MSIX_CAPABILITY.control, 2], table: [MSIX_CAPABILITY.table, 4], pba: [MSIX_CAPABILITY.pba, 4] } },
};
const EXTENDED: Record<number, { name: string; registers: Registers }> = {
  [EXTENDED_CAPABILITY.PASID]: { name: "PASID", registers: { capability: [PASID.capability, 2], control: [PASID.control, 2] } },
  [EXTENDED_CAPABILITY.ATS]: { name: "ATS", registers: { capability: [ATS.capability, 2], control: [ATS.control, 2] } },
  [EXTENDED_CAPABILITY.PRI]: {
    name: "PRI",
    registers: { control: [PRI.control, 2], status: [PRI.status, 2], capacity: [PRI.capacity, 4], allocation: [PRI.allocation, 4] },
  },
  [EXTENDED_CAPABILITY.AER]: {
    name: "AER",
    registers: {
      uncorrectableStatus: [AER.uncorrectableStatus, 4],
      uncorrectableMask: [AER.uncorrectableMask, 4],
      uncorrectableSeverity: [AER.uncorrectableSeverity, 4],
      correctableStatus: [AER.correctableStatus, 4],
      correctableMask: [AER.correctableMask, 4],
      control: [AER.control, 4],
      headerLog0: [AER.headerLog, 4],
      headerLog1: [AER.headerLog + 4, 4],
      headerLog2: [AER.headerLog + 8, 4],
      headerLog3: [AER.headerLog + 12, 4],
      tlpPrefixLog: [AER.tlpPrefixLog, 4],
    },
  },
};

/** Registers of the header and of the capabilities on both chains, by name; of a function that is not there, nothing but ones in its header. */
export function configRegisters(read: (offset: number, size: number) => number): { capability: string; at: string; registers: Record<string, string> }[] {
  const shown = (capability: string, at: number, registers: Registers) => ({
    capability,
    at: hex(at),
    registers: Object.fromEntries(Object.entries(registers).map(([name, [offset, size]]) => [name, hex(read(at + offset, size))])),
  });
  const found = [shown("header", 0, HEADER_REGISTERS)];
  if (read(HEADER.vendorId, 2) === 0xffff) return found;
  for (let at = read(HEADER.capabilities, 1); at >= 0x40; at = read(at + 1, 1)) {
    const known = CAPABILITIES[read(at, 1)];
    if (known) found.push(shown(known.name, at, known.registers));
  }
  for (let at = 0x100; at >= 0x100; at = read(at, 4) >>> 20) {
    const known = EXTENDED[read(at, 2)];
    if (known) found.push(shown(known.name, at, known.registers));
  }
  return found;
}
