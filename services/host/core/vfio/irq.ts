import { numberOf } from "@faultline/shared/codec/uint64.ts";
import { EFAULT, EINVAL, ENOTTY } from "@faultline/shared/linux-uapi/errno.ts";
import {
  VFIO_IRQ_INFO_CAP_TYPE,
  VFIO_IRQ_INFO_EVENTFD,
  VFIO_IRQ_INFO_FLAG_CAPS,
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_DATA_BOOL,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_IRQ_SUBTYPE_DMA_FAULT,
  VFIO_IRQ_TYPE_NESTED,
  VFIO_PCI_ERR_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_PCI_NUM_IRQS,
  VFIO_PCI_REQ_IRQ_INDEX,
  vfio_irq_info,
  vfio_irq_info_cap_type,
  vfio_irq_set,
} from "@faultline/shared/linux-uapi/vfio.ts";
import type { Bus } from "../bus.ts";
import { writeMsixEntry } from "../pci/function-level-reset.ts";
import type { PciDevice } from "../pci/pci-device.ts";
import { copyToUser, type IoctlResult, result, vfioArgument } from "./argument.ts";

const MSIX_ENABLE = 0x8000;
const INFO_V1 = 16; // struct vfio_irq_info before cap_offset

export interface IrqPorts {
  bus: Bus;
  pci: PciDevice;
  /** Is `fd` an eventfd of the process? */
  isEventfd(fd: number): boolean;
  signal(fd: number): void;
  /** Address that the device's MSIs go to; -errno. */
  composeMsi(): number;
  /** The DMA-fault IRQ exists: the device is in a nesting domain. */
  nested: boolean;
}

/** IRQ indexes of a vfio-pci device: MSI-X by eventfds, ERR and REQ, and the device-specific DMA-fault IRQ at index 5. ERR is never signalled: no port reports errors (AER). */
export class VfioIrqs {
  readonly #ports: IrqPorts;
  readonly #msix = new Map<number, { eventfd: number; address: number }>();
  #msixEnabled = false;
  /** Eventfds of the indexes that have one trigger. */
  readonly #single = new Map<number, number>();

  constructor(ports: IrqPorts) {
    this.#ports = ports;
  }

  get dmaFaultEventfd(): number | null {
    return this.#single.get(VFIO_PCI_NUM_IRQS) ?? null;
  }

  /** vfio_pci_core_request: the device is to be let go. Linux repeats it every 10 s until the fd is closed. */
  request(): void {
    const eventfd = this.#single.get(VFIO_PCI_REQ_IRQ_INDEX);
    if (eventfd !== undefined) this.#ports.signal(eventfd);
  }

  /** An MSI of the device arrived: its event id is the vector. */
  msi(vector: number): void {
    const trigger = this.#msix.get(vector);
    if (trigger) this.#ports.signal(trigger.eventfd);
  }

  get count(): number {
    return VFIO_PCI_NUM_IRQS + (this.#ports.nested ? 1 : 0);
  }

  getInfo(arg: Uint8Array): IoctlResult {
    const fields = vfioArgument(vfio_irq_info, arg, INFO_V1);
    if (typeof fields === "number") return result(fields, arg);
    const index = Number(fields.index);
    if (index >= this.count) return result(-EINVAL, arg);
    const write = (info: Parameters<typeof vfio_irq_info.encode>[0], capability: Uint8Array = new Uint8Array(0)): IoctlResult => {
      const bytes = new Uint8Array([...vfio_irq_info.encode({ argsz: fields.argsz, index, ...info }), ...capability]);
      return result(0, copyToUser(arg, bytes.subarray(0, Math.min(Number(fields.argsz), arg.length))));
    };
    if (index < VFIO_PCI_NUM_IRQS)
      return write({ flags: VFIO_IRQ_INFO_EVENTFD | (index === VFIO_PCI_MSIX_IRQ_INDEX ? VFIO_IRQ_INFO_NORESIZE : 0), count: this.#vectors(index) });
    const capability = vfio_irq_info_cap_type.encode({ id: VFIO_IRQ_INFO_CAP_TYPE, version: 1, type: VFIO_IRQ_TYPE_NESTED, subtype: VFIO_IRQ_SUBTYPE_DMA_FAULT });
    const flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_FLAG_CAPS;
    const needed = vfio_irq_info.sizeBytes + capability.length;
    if (Number(fields.argsz) < needed) return write({ argsz: needed, flags, count: 1 });
    return write({ flags, count: 1, cap_offset: vfio_irq_info.sizeBytes }, capability);
  }

  /** VFIO_DEVICE_SET_IRQS. */
  async set(arg: Uint8Array): Promise<number> {
    const fields = vfioArgument(vfio_irq_set, arg);
    if (typeof fields === "number") return fields;
    const flags = Number(fields.flags),
      index = Number(fields.index),
      start = Number(fields.start),
      count = Number(fields.count);
    if (index >= this.count) return -EINVAL;
    const type = flags & 7;
    const action = flags & 0x38;
    if (flags & ~0x3f || ![VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD].includes(type)) return -EINVAL;
    const unit = type === VFIO_IRQ_SET_DATA_EVENTFD ? 4 : type === VFIO_IRQ_SET_DATA_BOOL ? 1 : 0;
    if (Number(fields.argsz) - vfio_irq_set.sizeBytes < unit * count) return -EINVAL;
    if (arg.length < vfio_irq_set.sizeBytes + unit * count) return -EFAULT;
    const vectors = index < VFIO_PCI_NUM_IRQS ? this.#vectors(index) : 1;
    if (start + count > vectors) return -EINVAL;
    if (action !== VFIO_IRQ_SET_ACTION_TRIGGER) return -ENOTTY;
    const data = arg.slice(vfio_irq_set.sizeBytes);
    if (index === VFIO_PCI_MSIX_IRQ_INDEX) return this.#setMsix(type, start, count, data);
    return vectors === 1 ? this.#setSingle(index, type, start, count, data) : 0;
  }

  /** pci_restore_msi_state: a reset masked every entry and turned MSI-X off. */
  async restore(): Promise<void> {
    if (!this.#msixEnabled) return;
    for (const [vector, { address }] of this.#msix) await writeMsixEntry(this.#ports.bus, this.#ports.pci, vector, { address, data: vector });
    await this.#control(MSIX_ENABLE);
  }

  /** Eventfds removed, MSI-X off. */
  async tearDown(): Promise<void> {
    await this.#disableMsix();
    this.#single.clear();
  }

  #vectors(index: number): number {
    if (index === VFIO_PCI_MSIX_IRQ_INDEX) return this.#ports.pci.msix?.vectors ?? 0;
    return index === VFIO_PCI_ERR_IRQ_INDEX || index === VFIO_PCI_REQ_IRQ_INDEX ? 1 : 0;
  }

  /** vfio_pci_set_ctx_trigger_single. */
  #setSingle(index: number, type: number, start: number, count: number, data: Uint8Array): number {
    const eventfd = this.#single.get(index);
    if (start !== 0 || count > 1) return -EINVAL;
    if (type === VFIO_IRQ_SET_DATA_NONE) {
      if (eventfd === undefined) return -EINVAL;
      if (count === 0) this.#single.delete(index);
      else this.#ports.signal(eventfd);
      return 0;
    }
    if (count === 0) return -EINVAL;
    if (type === VFIO_IRQ_SET_DATA_BOOL) {
      if (data[0] !== 0 && eventfd !== undefined) this.#ports.signal(eventfd);
      return 0;
    }
    const fd = numberOf(data.subarray(0, 4)) | 0;
    if (fd >= 0 && !this.#ports.isEventfd(fd)) return -EINVAL;
    if (fd < 0) this.#single.delete(index);
    else this.#single.set(index, fd);
    return 0;
  }

  async #setMsix(type: number, start: number, count: number, data: Uint8Array): Promise<number> {
    if (type === VFIO_IRQ_SET_DATA_NONE && count === 0) {
      await this.#disableMsix();
      return 0;
    }
    if (type !== VFIO_IRQ_SET_DATA_EVENTFD) {
      if (!this.#msixEnabled) return -EINVAL;
      for (let i = 0; i < count; i++) if (type === VFIO_IRQ_SET_DATA_NONE || data[i] !== 0) this.msi(start + i);
      return 0;
    }
    const fds = Array.from({ length: count }, (_, i) => numberOf(data.subarray(4 * i, 4 * i + 4)) | 0);
    if (fds.some((fd) => fd >= 0 && !this.#ports.isEventfd(fd))) return -EINVAL;
    const address = fds.some((fd) => fd >= 0) ? this.#ports.composeMsi() : 0;
    if (address < 0) return address;
    for (const [i, fd] of fds.entries()) {
      if (fd < 0) this.#msix.delete(start + i);
      else this.#msix.set(start + i, { eventfd: fd, address });
      await writeMsixEntry(this.#ports.bus, this.#ports.pci, start + i, fd < 0 ? null : { address, data: start + i });
    }
    if (!this.#msixEnabled) await this.#control(MSIX_ENABLE);
    this.#msixEnabled = true;
    return 0;
  }

  async #disableMsix(): Promise<void> {
    if (!this.#msixEnabled) return;
    this.#msixEnabled = false;
    await this.#control(0);
    for (const vector of this.#msix.keys()) await writeMsixEntry(this.#ports.bus, this.#ports.pci, vector, null);
    this.#msix.clear();
  }

  async #control(value: number): Promise<void> {
    const { msix, config } = this.#ports.pci;
    if (msix) await config.write(msix.offset + 2, 2, value);
  }
}
