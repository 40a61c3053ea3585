import { hex, numberOf, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import type { PciFunction } from "@faultline/shared/linux/pci-ats.ts";
import { ENODEV, ENOTTY, ETIMEDOUT } from "@faultline/shared/linux-uapi/errno.ts";

const CONFIG = { vendorId: 0x00, command: 0x04, status: 0x06, capabilities: 0x34 } as const;
const COMMAND = { MEMORY: 2, MASTER: 4 } as const;
const PCI_CAP_ID_EXP = 0x10,
  PCI_CAP_ID_MSIX = 0x11;
/** Device Control in the PCI Express capability; [15] Initiate Function Level Reset. */
const DEVICE_CONTROL = 0x08,
  INITIATE_FLR = 0x8000;
const MSIX_CONTROL = 0x02,
  MSIX_TABLE = 0x04,
  MSIX_ENABLE = 0x8000,
  MSIX_SIZE_MASK = 0x7ff;
/** A function answers again at most 100 ms after its reset began (PCIe 6.6.2); Linux then polls up to 60 s. */
const FLR_WAIT_NS = 100_000_000,
  FLR_READY_NS = 1_000_000_000;

/** An assigned PCI function as the guest's PCI core sees it. */
export class PciDevice {
  readonly bdf: number;
  /** pci_dev_set_disconnected: it was pulled out. Nothing is sent to it any more, reads give ones. */
  disconnected = false;
  readonly #edge: EdgePort<GuestToVmm, VmmToGuest>;
  readonly #execution: Execution;
  /** What enableMsix wrote, for the restore after a reset. */
  #msix: { messageAddress: number } | null = null;

  constructor(bdf: number, edge: EdgePort<GuestToVmm, VmmToGuest>, execution: Execution) {
    this.bdf = bdf;
    this.#edge = edge;
    this.#execution = execution;
  }

  get name(): string {
    return hex(this.bdf);
  }

  /** All ones when the edge is broken or nothing answers. */
  async read(space: "config" | "bar0", offset: number, size: number): Promise<number> {
    if (this.disconnected) return 2 ** (8 * size) - 1;
    const reply = await this.#edge.request({ kind: "pciRead", bdf: this.bdf, space, offset, size });
    return reply === "broken" || reply.kind !== "pciReadResult" ? 2 ** (8 * size) - 1 : numberOf(reply.value);
  }

  /** Non-posted: resolves when the function took it. */
  async writeConfig(offset: number, size: number, value: number): Promise<void> {
    if (!this.disconnected) await this.#edge.request({ kind: "pciWrite", bdf: this.bdf, space: "config", offset, value: uint64Bytes(value).subarray(0, size) });
  }

  /** Posted; waits for a credit when the edge is full. */
  async writeBar(offset: number, size: number, value: number | bigint): Promise<void> {
    const message = { kind: "pciWrite" as const, bdf: this.bdf, space: "bar0", offset, value: uint64Bytes(value).subarray(0, size) };
    while (!this.disconnected && this.#edge.send(message) === "full") await this.#edge.writable();
  }

  /** Offset of a capability, or null. */
  async findCapability(id: number): Promise<number | null> {
    let at = (await this.read("config", CONFIG.capabilities, 1)) & 0xfc;
    for (let left = 48; at >= 0x40 && left > 0; left--) {
      const header = await this.read("config", at, 2);
      if ((header & 0xff) === id) return at;
      at = (header >>> 8) & 0xfc;
    }
    return null;
  }

  /** The function with the extended capabilities that this kernel sees of it. */
  async withExtendedCapabilities(): Promise<PciFunction> {
    const offsets = new Map<number, number>();
    for (let at = 0x100, left = 48; at !== 0 && left > 0; left--) {
      const header = await this.read("config", at, 4);
      offsets.set(header & 0xffff, at);
      at = (header >>> 20) & 0xffc;
    }
    return {
      extCap: (id) => offsets.get(id) ?? null,
      config: { read: (offset, size) => this.read("config", offset, size), write: (offset, size, value) => this.writeConfig(offset, size, value) },
    };
  }

  /** Memory space and bus mastering on. */
  async enable(): Promise<void> {
    const command = await this.read("config", CONFIG.command, 2);
    await this.writeConfig(CONFIG.command, 2, command | COMMAND.MEMORY | COMMAND.MASTER);
  }

  /** Bus mastering off: the function can send nothing more. */
  async clearMaster(): Promise<void> {
    const command = await this.read("config", CONFIG.command, 2);
    await this.writeConfig(CONFIG.command, 2, command & ~COMMAND.MASTER);
  }

  /** Every vector of the table gets `messageAddress` (an IOVA of PASID 0) and its own index as data; then MSI-X is enabled. Number of vectors, or -ENODEV: no MSI-X. */
  async enableMsix(messageAddress: number): Promise<number> {
    const capability = await this.findCapability(PCI_CAP_ID_MSIX);
    if (capability === null) return -ENODEV;
    const control = (await this.read("config", capability + MSIX_CONTROL, 2)) & ~MSIX_ENABLE;
    await this.writeConfig(capability + MSIX_CONTROL, 2, control); // after a reset it may still read as enabled
    const table = (await this.read("config", capability + MSIX_TABLE, 4)) & ~7; // [2:0] BIR: this driver's device has it in BAR0
    const vectors = (control & MSIX_SIZE_MASK) + 1;
    for (let vector = 0; vector < vectors; vector++) {
      const entry = table + 16 * vector;
      await this.writeBar(entry, 4, messageAddress % 2 ** 32);
      await this.writeBar(entry + 4, 4, Math.floor(messageAddress / 2 ** 32));
      await this.writeBar(entry + 8, 4, vector);
      await this.writeBar(entry + 12, 4, 0); // unmasked
    }
    await this.writeConfig(capability + MSIX_CONTROL, 2, control | MSIX_ENABLE);
    this.#msix = { messageAddress };
    return vectors;
  }

  /** pci_reset_function: Function Level Reset, then what this driver had set is restored. -ENOTTY: no PCI Express capability; -ETIMEDOUT: the function does not come back; -ENODEV: it was removed. */
  async reset(): Promise<number> {
    if (this.disconnected) return -ENODEV;
    const capability = await this.findCapability(PCI_CAP_ID_EXP);
    if (capability === null) return -ENOTTY;
    const control = await this.read("config", capability + DEVICE_CONTROL, 2);
    await this.writeConfig(capability + DEVICE_CONTROL, 2, control | INITIATE_FLR);
    await this.#execution.sleep(FLR_WAIT_NS);
    for (const deadline = this.#execution.now() + FLR_READY_NS; (await this.read("config", CONFIG.vendorId, 2)) === 0xffff; ) {
      if (this.disconnected) return -ENODEV;
      if (this.#execution.now() >= deadline) return -ETIMEDOUT;
      await this.#execution.sleep(FLR_WAIT_NS / 10);
    }
    await this.enable();
    return this.#msix ? Math.min(0, await this.enableMsix(this.#msix.messageAddress)) : 0;
  }
}
