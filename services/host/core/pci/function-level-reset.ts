import { uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { ENOTTY } from "@faultline/shared/linux-uapi/errno.ts";
import type { Bus } from "../bus.ts";
import { CAP_ID, EXT_CAP_ID, PCI } from "./config.ts";
import type { PciDevice } from "./pci-device.ts";

const EXP_DEVCAP_FLR = 1 << 28;
const EXP_DEVCTL_FLR = 0x8000;
/** A function may ignore accesses for 100 ms after Initiate FLR (PCIe 6.6.2). */
const FLR_WAIT_NS = 100_000_000;

interface SavedRegister {
  offset: number;
  size: 2 | 4;
  value: number;
}
export interface SavedState {
  registers: SavedRegister[];
  command: number;
}

/** pci_save_state: BARs, PCIe control, PASID, ATS, PRI, and the Command register last. MSI-X is restored from what the kernel programmed. */
export async function saveState(device: PciDevice): Promise<SavedState> {
  const registers: SavedRegister[] = [];
  const save = async (offset: number, size: 2 | 4): Promise<void> => {
    registers.push({ offset, size, value: await device.config.read(offset, size) });
  };
  for (const [bar, { is64 }] of device.bars) {
    await save(PCI.BASE_ADDRESS_0 + 4 * bar, 4);
    if (is64) await save(PCI.BASE_ADDRESS_0 + 4 * bar + 4, 4);
  }
  const exp = device.cap(CAP_ID.EXP);
  if (exp !== null) await save(exp + 8, 2);
  // Restored in this order: PASID before ATS, ATS before PRI, PRI allocation before its enable.
  const pasid = device.extCap(EXT_CAP_ID.PASID);
  if (pasid !== null) await save(pasid + 6, 2);
  const ats = device.extCap(EXT_CAP_ID.ATS);
  if (ats !== null) await save(ats + 6, 2);
  const pri = device.extCap(EXT_CAP_ID.PRI);
  if (pri !== null) {
    await save(pri + 12, 4);
    await save(pri + 4, 2);
  }
  return { registers, command: await device.config.read(PCI.COMMAND, 2) };
}

export async function restoreState(device: PciDevice, state: SavedState): Promise<void> {
  for (const { offset, size, value } of state.registers) await device.config.write(offset, size, value);
  await device.config.write(PCI.COMMAND, 2, state.command);
}

/** Initiates a function-level reset and waits; -ENOTTY: the function has none. */
export async function flr(execution: Execution, device: PciDevice): Promise<number> {
  const exp = device.cap(CAP_ID.EXP);
  if (exp === null || ((await device.config.read(exp + 4, 4)) & EXP_DEVCAP_FLR) === 0) return -ENOTTY;
  const control = await device.config.read(exp + 8, 2);
  await device.config.write(exp + 8, 2, control | EXP_DEVCTL_FLR);
  await execution.sleep(FLR_WAIT_NS);
  return 0;
}

/** Writes one MSI-X table entry; masked first, so that no torn address is used. */
export async function writeMsixEntry(bus: Bus, device: PciDevice, vector: number, message: { address: number; data: number } | null): Promise<void> {
  const bar = device.msix ? device.bars.get(device.msix.tableBar) : undefined;
  if (!device.msix || !bar || vector >= device.msix.vectors) return;
  const entry = bar.base + device.msix.tableOffset + 16 * vector;
  await bus.write32(entry + 12, 1);
  if (!message) return;
  await bus.writeBytes(entry, uint64Bytes(message.address).subarray(0, 4));
  await bus.writeBytes(entry + 4, uint64Bytes(message.address).subarray(4, 8));
  await bus.write32(entry + 8, message.data);
  await bus.write32(entry + 12, 0);
}
