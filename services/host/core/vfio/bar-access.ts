import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import type { Bus } from "../bus.ts";
import type { PciDevice } from "../pci/pci-device.ts";

/**
 * vfio_pci_bar_rw: reads when `data` is null, else writes; naturally aligned accesses of 8, 4, 2 or 1 bytes. The MSI-X table belongs to the host:
 * reads of it give ones, writes are dropped. -EINVAL: outside the BAR.
 */
export async function accessBar(bus: Bus, pci: PciDevice, bar: number, position: number, length: number, data: Uint8Array | null): Promise<Uint8Array | number> {
  const target = pci.bars.get(bar);
  if (!target || position + length > target.size) return -EINVAL;
  const table = pci.msix?.tableBar === bar ? { from: pci.msix.tableOffset, end: pci.msix.tableOffset + 16 * pci.msix.vectors } : null;
  const out = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const offset = position + at;
    const size = [8, 4, 2, 1].find((candidate) => offset % candidate === 0 && candidate <= length - at) as number;
    const inTable = table !== null && offset < table.end && offset + size > table.from;
    if (data === null) out.set(inTable ? new Uint8Array(size).fill(0xff) : await bus.readBytes(target.base + offset, size), at);
    else if (!inTable) await bus.writeBytes(target.base + offset, data.slice(at, at + size));
    at += size;
  }
  return out;
}
