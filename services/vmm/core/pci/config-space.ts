import { numberOf } from "@faultline/shared/codec/uint64.ts";
import { type HeldLocks, Mutex } from "@faultline/shared/execution/mutex.ts";
import { VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_BAR5_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX } from "@faultline/shared/linux-uapi/vfio.ts";
import { DEVICE_CONTROL, MSIX_CAPABILITY, MSIX_CONTROL, PCIE } from "@faultline/shared/pcie/capabilities.ts";
import type { AssignedDevice } from "../vfio/device.ts";
import type { MsiX } from "./msi-x.ts";

/** No access is larger; a longer one is cut. */
const MAX_ACCESS = 8;
const ones = (size: number): Uint8Array => new Uint8Array(size).fill(0xff);

/** An assigned function as the guest's bus sees it: accesses go to the VFIO device in their order, except for what the VMM traps: the MSI-X table and control, and Initiate FLR. */
export class AssignedFunction {
  readonly #device: AssignedDevice;
  readonly #msix: MsiX;
  /** Resets the function (VFIO_DEVICE_RESET) and closes its groups. */
  readonly #reset: () => Promise<void>;
  /** A vCPU's access is complete before its next one; a read pushes the writes before it. */
  readonly #order: Mutex;

  constructor(device: AssignedDevice, msix: MsiX, reset: () => Promise<void>, locks: HeldLocks) {
    this.#device = device;
    this.#msix = msix;
    this.#reset = reset;
    this.#order = new Mutex("pci access", locks);
  }

  /** `space`: "config" or "bar0" to "bar5". All ones where nothing answers. */
  async read(space: string, offset: number, size: number): Promise<Uint8Array> {
    const length = Math.min(size, MAX_ACCESS);
    return this.#order.with(async () => {
      if (space === "bar0" && this.#msix.covers(offset)) return this.#msix.read(offset, length);
      const region = regionOf(space);
      const bytes = region === null ? -1 : await this.#device.pread(region, offset, length);
      if (typeof bytes === "number") return ones(length);
      return space === "config" ? this.#withControl(offset, bytes) : bytes;
    });
  }

  async write(space: string, offset: number, value: Uint8Array): Promise<void> {
    const bytes = value.slice(0, MAX_ACCESS);
    return this.#order.with(async () => {
      if (space === "bar0" && this.#msix.covers(offset)) return this.#msix.write(offset, bytes);
      if (space === "config") return this.#writeConfig(offset, bytes);
      const region = regionOf(space);
      if (region !== null) await this.#device.pwrite(region, offset, bytes);
    });
  }

  /** Runs while no access of the guest is under way. */
  exclusively(body: () => Promise<void>): Promise<void> {
    return this.#order.with(body);
  }

  async #writeConfig(offset: number, bytes: Uint8Array): Promise<void> {
    const { msix, express } = this.#device.facts;
    const control = msix ? word(bytes, msix.capability + MSIX_CAPABILITY.control - offset) : null;
    if (control !== null) return this.#msix.writeControl(control);
    const deviceControl = express === null ? null : word(bytes, express + PCIE.deviceControl - offset);
    const flr = deviceControl !== null && (deviceControl & DEVICE_CONTROL.initiateFunctionLevelReset) !== 0;
    if (flr && express !== null) bytes[express + PCIE.deviceControl - offset + 1] &= 0x7f; // the reset is the VMM's to make
    await this.#device.pwrite(VFIO_PCI_CONFIG_REGION_INDEX, offset, bytes);
    if (flr) await this.#reset();
  }

  /** Message Control reads back with the guest's Enable and Function Mask. */
  #withControl(offset: number, bytes: Uint8Array): Uint8Array {
    const { msix } = this.#device.facts;
    const high = msix ? msix.capability + MSIX_CAPABILITY.control + 1 - offset : -1;
    if (high < 0 || high >= bytes.length) return bytes;
    const own = (MSIX_CONTROL.enable | MSIX_CONTROL.functionMask) >> 8;
    const copy = bytes.slice();
    copy[high] = (copy[high] & ~own) | (this.#msix.control >> 8);
    return copy;
  }
}

/** The 16-bit word at `at` of the written bytes; null when it is not wholly among them. */
const word = (bytes: Uint8Array, at: number): number | null => (at >= 0 && at + 2 <= bytes.length ? numberOf(bytes.subarray(at, at + 2)) : null);

function regionOf(space: string): number | null {
  if (space === "config") return VFIO_PCI_CONFIG_REGION_INDEX;
  const bar = /^bar([0-5])$/.exec(space);
  return bar ? Math.min(VFIO_PCI_BAR0_REGION_INDEX + Number(bar[1]), VFIO_PCI_BAR5_REGION_INDEX) : null;
}
