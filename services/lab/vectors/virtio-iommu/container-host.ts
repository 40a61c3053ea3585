import { type HostToVmm, regionAddress, regionOfFileOffset, type VmmToHost } from "@faultline/shared/edge/vfio.ts";
import { WaitQueue } from "@faultline/shared/execution/wait-queue.ts";
import { EBADF, EINVAL, ENOENT, ENOTTY } from "@faultline/shared/linux-uapi/errno.ts";
import {
  IOMMU_FAULT_DMA_UNRECOV,
  IOMMU_FAULT_PERM_READ,
  IOMMU_FAULT_PERM_WRITE,
  IOMMU_FAULT_UNRECOV_ADDR_VALID,
  iommu_fault_event,
} from "@faultline/shared/linux-uapi/iommu.ts";
import { KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION } from "@faultline/shared/linux-uapi/kvm.ts";
import {
  DMA_FAULT_RING,
  VFIO_DEVICE_SET_IRQS,
  VFIO_GROUP_GET_DEVICE_FD,
  VFIO_GROUP_SET_CONTAINER,
  VFIO_PCI_CONFIG_REGION_INDEX,
  vfio_irq_set,
} from "@faultline/shared/linux-uapi/vfio.ts";
import { Container } from "./container.ts";
import { deviceInfo, FAULT_IRQ, FAULT_REGION } from "./device-info.ts";

/** How the host reaches its VMM: stores into mapped regions leave with the next signal. */
export interface VmmPort {
  post(address: number, data: Uint8Array): void;
  signal(eventfd: number): void;
}

interface Device {
  fd: number;
  bdf: number;
  container: Container;
  eventfd: number;
  /** Next record of the fault ring to store, and how far the VMM is. */
  head: number;
  tail: number;
}

const int32 = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer);
const int32Of = (bytes: Uint8Array): number => (bytes.length < 4 ? -1 : new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true));

/**
 * A host that owns containers and can do the DMA of their functions, and nothing else: no memory, no tables, no interrupts. Memory that a VMM maps has its HVA at the GPA
 * where it is mapped first, so what an access reaches is a guest-physical address. A refused access is an IOMMU_FAULT_DMA_UNRECOV record in the function's DMA_FAULT ring.
 */
export class ContainerHost {
  /** By group number, the index of the function in the machine. */
  readonly #functions: readonly number[];
  readonly #vmm: VmmPort;
  readonly #containers = new Map<number, Container>();
  /** Group number of a group fd, and the container it was set to. */
  readonly #groups = new Map<number, { number: number; container: Container | null }>();
  readonly #devices = new Map<number, Device>();
  readonly #drained = new WaitQueue();
  #lastFd = 2;
  #mapped = 0;

  constructor(functions: readonly number[], vmm: VmmPort) {
    this.#functions = functions;
    this.#vmm = vmm;
  }

  /** A system call of the VMM, and its result. */
  answer(body: VmmToHost): HostToVmm {
    switch (body.kind) {
      case "open":
        return { kind: "openResult", ret: this.#open(body.path) };
      case "mmap": {
        const hva = body.fd < 0 ? this.#mapped : 0;
        if (body.fd < 0) this.#mapped += body.length;
        return { kind: "mmapResult", ret: 0, hva };
      }
      case "ioctl":
        return { kind: "ioctlResult", ...this.#ioctl(body.fd, body.cmd, body.arg) };
      case "pread": {
        const { region } = regionOfFileOffset(body.offset);
        return { kind: "preadResult", ret: body.length, data: new Uint8Array(body.length).fill(region === VFIO_PCI_CONFIG_REGION_INDEX ? 0 : 0xff) };
      }
      case "pwrite":
        this.#write(body.fd, regionOfFileOffset(body.offset), body.data);
        return { kind: "pwriteResult", ret: body.data.length };
      case "close":
        return { kind: "closeResult", ret: 0 };
    }
  }

  /** An access of a function: the HVA that it reaches; null: it is refused and recorded. */
  dma(bdf: number, iova: bigint, length: number, write: boolean): bigint | null {
    const device = [...this.#devices.values()].find((candidate) => candidate.bdf === bdf);
    if (!device) return null;
    const outcome = device.container.access(iova, length, write);
    if (outcome.refused === null) return outcome.address;
    this.#record(device, {
      type: IOMMU_FAULT_DMA_UNRECOV,
      reason: outcome.refused,
      flags: IOMMU_FAULT_UNRECOV_ADDR_VALID,
      perm: write ? IOMMU_FAULT_PERM_WRITE : IOMMU_FAULT_PERM_READ,
      addr: outcome.address,
    });
    return null;
  }

  /** Resolves when the VMM has taken every record. */
  drained(): Promise<void> {
    return this.#drained.until(() => [...this.#devices.values()].every(({ head, tail }) => head === tail));
  }

  #newFd(): number {
    return ++this.#lastFd;
  }

  #open(path: string): number {
    const fd = this.#newFd();
    if (path === "/dev/vfio/vfio") this.#containers.set(fd, new Container());
    const group = /^\/dev\/vfio\/(\d+)$/.exec(path);
    if (group && Number(group[1]) >= this.#functions.length) return -ENOENT;
    if (group) this.#groups.set(fd, { number: Number(group[1]), container: null });
    return fd;
  }

  #ioctl(fd: number, cmd: number, arg: Uint8Array): { ret: number; arg: Uint8Array } {
    const result = (ret: number) => ({ ret, arg });
    if (cmd === KVM_CREATE_VM) return result(this.#newFd());
    if (cmd === KVM_SET_USER_MEMORY_REGION) return result(0);
    const group = this.#groups.get(fd);
    if (group && cmd === VFIO_GROUP_SET_CONTAINER) {
      group.container = this.#containers.get(int32Of(arg)) ?? null;
      return result(group.container ? 0 : -EBADF);
    }
    if (group && cmd === VFIO_GROUP_GET_DEVICE_FD) {
      if (!group.container) return result(-EINVAL);
      const device = this.#newFd();
      this.#devices.set(device, { fd: device, bdf: this.#functions[group.number], container: group.container, eventfd: -1, head: 0, tail: 0 });
      return result(device);
    }
    const device = this.#devices.get(fd);
    if (device && cmd === VFIO_DEVICE_SET_IRQS) return result(setIrqs(device, arg));
    const told = this.#containers.get(fd)?.ioctl(cmd, arg);
    return told === undefined ? (deviceInfo(cmd, arg) ?? result(-ENOTTY)) : result(told);
  }

  #write(fd: number, { region, offset }: { region: number; offset: number }, data: Uint8Array): void {
    const device = this.#devices.get(fd);
    if (!device || region !== FAULT_REGION || offset !== 0) return;
    device.tail = int32Of(data);
    this.#drained.wake();
  }

  /** Without room a record is lost, as in the product. */
  #record(device: Device, fields: Parameters<typeof iommu_fault_event.encode>[0]): void {
    const { entries, entrySize, offset, headOffset } = DMA_FAULT_RING;
    const next = (device.head + 1) % entries;
    if (next === device.tail) return;
    this.#vmm.post(regionAddress(device.fd, FAULT_REGION, offset + entrySize * device.head), iommu_fault_event.encode(fields));
    this.#vmm.post(regionAddress(device.fd, FAULT_REGION, headOffset), int32(next));
    device.head = next;
    this.#vmm.signal(device.eventfd);
  }
}

function setIrqs(device: Device, arg: Uint8Array): number {
  const { index, count } = vfio_irq_set.decode(arg.slice(0, vfio_irq_set.sizeBytes));
  if (Number(index) === FAULT_IRQ) device.eventfd = count > 0n ? int32Of(arg.subarray(vfio_irq_set.sizeBytes)) : -1;
  return 0;
}
