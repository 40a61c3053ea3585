import type { Execution } from "../execution/execution.ts";
import { EBUSY, EINVAL, ENODEV, ETIMEDOUT } from "../linux-uapi/errno.ts";
import { EXTENDED_CAPABILITY } from "../pcie/capabilities.ts";

const ATS_CTRL_ENABLE = 0x8000;
const PRI_CTRL_ENABLE = 1,
  PRI_CTRL_RESET = 2,
  PRI_STATUS_STOPPED = 0x100;

/** A function as its kernel's PCI core knows it. `extCap`: where an extended capability begins; null: there is none. Accesses of 1, 2 or 4 bytes. */
export interface PciFunction {
  extCap(id: number): number | null;
  config: { read(offset: number, size: 1 | 2 | 4): Promise<number>; write(offset: number, size: 1 | 2 | 4, value: number): Promise<void> };
}

/* drivers/pci/ats.c. Order: PASID, then ATS, then PRI; the reverse to disable. */

/** Execute and privileged requests are enabled when the function can make them. -EINVAL: no capability. */
export async function pci_enable_pasid(device: PciFunction): Promise<number> {
  const offset = device.extCap(EXTENDED_CAPABILITY.PASID);
  if (offset === null) return -EINVAL;
  const features = (await device.config.read(offset + 4, 2)) & 0x6;
  await device.config.write(offset + 6, 2, 1 | features);
  return 0;
}

/** `pageShift`: log2 of the smallest translation unit, at least 12. */
export async function pci_enable_ats(device: PciFunction, pageShift: number): Promise<number> {
  const offset = device.extCap(EXTENDED_CAPABILITY.ATS);
  if (offset === null || pageShift < 12) return -EINVAL;
  await device.config.write(offset + 6, 2, ATS_CTRL_ENABLE | (pageShift - 12));
  return 0;
}

export async function pci_disable_ats(device: PciFunction): Promise<void> {
  const offset = device.extCap(EXTENDED_CAPABILITY.ATS);
  if (offset === null) return;
  const control = await device.config.read(offset + 6, 2);
  await device.config.write(offset + 6, 2, control & ~ATS_CTRL_ENABLE);
}

/** -EBUSY: PRI is enabled. */
export async function pci_reset_pri(device: PciFunction): Promise<number> {
  const offset = device.extCap(EXTENDED_CAPABILITY.PRI);
  if (offset === null) return -ENODEV;
  if ((await device.config.read(offset + 4, 2)) & PRI_CTRL_ENABLE) return -EBUSY;
  await device.config.write(offset + 4, 2, PRI_CTRL_RESET);
  return 0;
}

/** Allocation = min(capacity, `requests`). -EBUSY: enabled already, or requests of before are still outstanding. */
export async function pci_enable_pri(device: PciFunction, requests: number): Promise<number> {
  const offset = device.extCap(EXTENDED_CAPABILITY.PRI);
  if (offset === null) return -ENODEV;
  if ((await device.config.read(offset + 4, 2)) & PRI_CTRL_ENABLE) return -EBUSY;
  if (((await device.config.read(offset + 6, 2)) & PRI_STATUS_STOPPED) === 0) return -EBUSY;
  const capacity = await device.config.read(offset + 8, 4);
  await device.config.write(offset + 12, 4, Math.min(capacity, requests));
  await device.config.write(offset + 4, 2, PRI_CTRL_ENABLE);
  return 0;
}

export async function pci_disable_pri(device: PciFunction): Promise<void> {
  const offset = device.extCap(EXTENDED_CAPABILITY.PRI);
  if (offset === null) return;
  const control = await device.config.read(offset + 4, 2);
  await device.config.write(offset + 4, 2, control & ~(PRI_CTRL_ENABLE | PRI_CTRL_RESET));
}

/** Waits for PRI Status.Stopped: every page request of the function is answered. -ETIMEDOUT. */
export async function waitPriStopped(device: PciFunction, execution: Execution, timeoutNs: number): Promise<number> {
  const offset = device.extCap(EXTENDED_CAPABILITY.PRI);
  if (offset === null) return 0;
  const deadline = execution.now() + timeoutNs;
  while (((await device.config.read(offset + 6, 2)) & PRI_STATUS_STOPPED) === 0) {
    if (execution.now() >= deadline) return -ETIMEDOUT;
    await execution.sleep(100_000);
  }
  return 0;
}
