import { CAP_ID, EXT_CAP_ID, PCI } from "../pci/config.ts";
import type { PciDevice } from "../pci/pci-device.ts";

const EXP_DEVCTL_FLR = 0x8000;
/** Status, mask and severity of AER: not virtualised, the user's to write (init_pci_ext_cap_err_perm); the log is read-only. */
const AER_WRITABLE = [0x04, 0x08, 0x0c, 0x10, 0x14];

/**
 * Configuration space as vfio-pci shows it (drivers/vfio/pci/vfio_pci_config.c; vfio-uapi.md, section 8): BARs and MSI-X control are virtual,
 * Command, Device Control and AER are written through, ATS and PRI are read-only copies of the function, PASID is hidden.
 */
export class VfioPciConfig {
  readonly #pci: PciDevice;
  readonly #bars = new Uint32Array(6);
  #msixControl: number | null = null;
  /** Runs the reset that Initiate FLR asks for. */
  readonly #reset: () => Promise<number>;

  constructor(pci: PciDevice, reset: () => Promise<number>) {
    this.#pci = pci;
    this.#reset = reset;
    for (const [bar, { is64 }] of pci.bars) this.#bars[bar] = this.#barFlags(is64);
  }

  /** `length` bytes from `offset`, both inside the 4096. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const first = offset - (offset % 4);
    const bytes = new Uint8Array(Math.ceil((offset + length - first) / 4) * 4);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 4) view.setUint32(at, await this.#readDword(first + at), true);
    return bytes.slice(offset - first, offset - first + length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; ) {
      const position = offset + at;
      const size = position % 4 === 0 && data.length - at >= 4 ? 4 : position % 2 === 0 && data.length - at >= 2 ? 2 : 1;
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + data[at + i];
      await this.#writePart(position, size, value);
      at += size;
    }
  }

  async #readDword(offset: number): Promise<number> {
    if (offset >= PCI.BASE_ADDRESS_0 && offset < PCI.BASE_ADDRESS_0 + 24) return this.#bars[(offset - PCI.BASE_ADDRESS_0) / 4];
    const value = await this.#pci.config.read(offset, 4);
    if (offset === this.#pci.msix?.offset) {
      this.#msixControl ??= (value >>> 16) & ~0xc000;
      return ((value & 0xffff) | (this.#msixControl << 16)) >>> 0;
    }
    const hidden = this.#pci.extCaps.find((cap) => cap.id === EXT_CAP_ID.PASID);
    if (!hidden) return value;
    if (offset === hidden.offset) return hidden.offset === 0x100 ? (hidden.next << 20) >>> 0 : 0; // the first header must stay, as a list of its own
    if (offset === hidden.offset + 4) return 0;
    const before = this.#pci.extCaps.find((cap) => cap.offset === offset && cap.next === hidden.offset);
    return before ? ((value & 0x000fffff) | (hidden.next << 20)) >>> 0 : value;
  }

  async #writePart(offset: number, size: 1 | 2 | 4, value: number): Promise<void> {
    const { config, msix } = this.#pci;
    const barsEnd = PCI.BASE_ADDRESS_0 + 24;
    if (offset >= PCI.BASE_ADDRESS_0 && offset < barsEnd) {
      if (size === 4) this.#writeBar((offset - PCI.BASE_ADDRESS_0) / 4, value);
      return;
    }
    if (offset === PCI.COMMAND) await config.write(PCI.COMMAND, 2, (value & 0xffff) | PCI.COMMAND_INTX_DISABLE);
    else if (msix && offset === msix.offset + 2 && size === 2) this.#msixControl = ((this.#msixControl ?? 0) & 0x7ff) | (value & 0xc000);
    else if (size === 4 && AER_WRITABLE.includes(offset - (this.#pci.extCap(EXT_CAP_ID.ERR) ?? offset))) await config.write(offset, 4, value);
    else {
      const exp = this.#pci.cap(CAP_ID.EXP);
      if (exp === null || offset !== exp + 8) return; // everything else is read-only or virtual
      if (value & EXP_DEVCTL_FLR) await this.#reset();
      else await config.write(offset, 2, value & 0xffff);
    }
  }

  #writeBar(index: number, value: number): void {
    const low = this.#pci.bars.get(index);
    if (low) this.#bars[index] = ((value & ~(low.size - 1)) | this.#barFlags(low.is64)) >>> 0;
    else if (this.#pci.bars.get(index - 1)?.is64) this.#bars[index] = value; // BARs of this machine are below 4 GiB
  }

  #barFlags(is64: boolean): number {
    return is64 ? 4 : 0;
  }
}
