import { numberOf } from "@faultline/shared/codec/uint64.ts";
import { ENODEV } from "@faultline/shared/linux-uapi/errno.ts";
import {
  DMA_FAULT_RESPONSE_RING,
  DMA_FAULT_RING,
  VFIO_DEVICE_GET_INFO,
  VFIO_DEVICE_GET_IRQ_INFO,
  VFIO_DEVICE_GET_REGION_INFO,
  VFIO_DEVICE_RESET,
  VFIO_DEVICE_SET_IRQS,
  VFIO_GROUP_GET_DEVICE_FD,
  VFIO_IRQ_INFO_CAP_TYPE,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_IRQ_SUBTYPE_DMA_FAULT,
  VFIO_IRQ_TYPE_NESTED,
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_PCI_NUM_IRQS,
  VFIO_PCI_NUM_REGIONS,
  VFIO_PCI_OFFSET_SHIFT,
  VFIO_REGION_INFO_CAP_TYPE,
  VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT,
  VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT_RESPONSE,
  VFIO_REGION_TYPE_NESTED,
  vfio_device_info,
  vfio_info_cap_header,
  vfio_irq_info,
  vfio_irq_info_cap_type,
  vfio_irq_set,
  vfio_region_info,
  vfio_region_info_cap_type,
} from "@faultline/shared/linux-uapi/vfio.ts";
import { CAPABILITY, EXTENDED_CAPABILITY, HEADER, MSIX_CAPABILITY, PRI } from "@faultline/shared/pcie/capabilities.ts";
import type { Container } from "./container.ts";
import type { SystemCalls } from "./system-calls.ts";

const INFO_BYTES = 128;
const CAPABILITY_LIMIT = 48;

/** "0000:00:01.0" */
const deviceName = (bdf: number): string => `0000:${(bdf >> 8).toString(16).padStart(2, "0")}:${((bdf >> 3) & 31).toString(16).padStart(2, "0")}.${bdf & 7}`;

/** What the VMM learned of an assigned function when it opened it. */
export interface DeviceFacts {
  fd: number;
  faultRegion: number;
  responseRegion: number;
  faultIrq: number;
  /** Offset of the MSI-X capability, and of the table in BAR0. */
  msix: { capability: number; table: number; vectors: number } | null;
  /** Offset of the PCI Express capability. */
  express: number | null;
  /** Null: the function has no PRI capability. */
  pri: { prgResponsePasidRequired: boolean } | null;
}

/** An assigned function through its VFIO device fd. Results are 0 or -errno. */
export class AssignedDevice {
  readonly bdf: number;
  readonly container: Container;
  readonly facts: DeviceFacts;
  readonly #calls: SystemCalls;

  private constructor(calls: SystemCalls, bdf: number, container: Container, facts: DeviceFacts) {
    this.#calls = calls;
    this.bdf = bdf;
    this.container = container;
    this.facts = facts;
  }

  /** Steps 5 and 6 of spec/vfio-uapi.md, section 2: regions and the DMA-fault IRQ are found by type and subtype. */
  static async open(calls: SystemCalls, bdf: number, container: Container): Promise<AssignedDevice | number> {
    const { ret: fd } = await calls.ioctl(container.group, VFIO_GROUP_GET_DEVICE_FD, new Uint8Array([...deviceName(bdf), "\0"].map((c) => c.charCodeAt(0))));
    if (fd < 0) return fd;
    const info = await calls.ioctl(fd, VFIO_DEVICE_GET_INFO, vfio_device_info.encode({ argsz: vfio_device_info.sizeBytes }));
    if (info.ret < 0) return info.ret;
    const { num_regions, num_irqs } = vfio_device_info.decode(info.arg.slice(0, vfio_device_info.sizeBytes));
    let faultRegion = -1;
    let responseRegion = -1;
    let faultIrq = -1;
    for (let index = VFIO_PCI_NUM_REGIONS; index < Number(num_regions); index++) {
      const subtype = await regionSubtype(calls, fd, index);
      if (subtype === VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT) faultRegion = index;
      if (subtype === VFIO_REGION_SUBTYPE_NESTED_DMA_FAULT_RESPONSE) responseRegion = index;
    }
    for (let index = VFIO_PCI_NUM_IRQS; index < Number(num_irqs); index++) if (await isDmaFaultIrq(calls, fd, index)) faultIrq = index;
    if (faultRegion < 0 || responseRegion < 0 || faultIrq < 0) return -ENODEV;
    for (const [region, ring] of [
      [faultRegion, DMA_FAULT_RING],
      [responseRegion, DMA_FAULT_RESPONSE_RING],
    ] as const) {
      const mapped = await calls.mmap(fd, region * 2 ** VFIO_PCI_OFFSET_SHIFT + ring.offset, ring.size - ring.offset); // the header page cannot be mapped
      if (mapped < 0) return mapped;
    }
    const config: ConfigRead = async (offset, size) => {
      const bytes = await calls.pread(fd, VFIO_PCI_CONFIG_REGION_INDEX, offset, size);
      return typeof bytes === "number" ? 0 : numberOf(bytes);
    };
    const facts = { fd, faultRegion, responseRegion, faultIrq, ...(await findCapabilities(config)), pri: await findPri(config) };
    return new AssignedDevice(calls, bdf, container, facts);
  }

  pread(region: number, offset: number, length: number): Promise<Uint8Array | number> {
    return this.#calls.pread(this.facts.fd, region, offset, length);
  }
  pwrite(region: number, offset: number, data: Uint8Array): Promise<number> {
    return this.#calls.pwrite(this.facts.fd, region, offset, data);
  }
  /** M-room-for-responses: without room on the edge the call is not made. */
  tryPwrite(region: number, offset: number, data: Uint8Array): void {
    this.#calls.edge.send({ kind: "pwrite", fd: this.facts.fd, offset: region * 2 ** VFIO_PCI_OFFSET_SHIFT + offset, data });
  }
  /** Stores ring bytes; they leave with the next pwrite. */
  store(address: number, data: Uint8Array): void {
    this.#calls.edge.post(address, data);
  }
  async reset(): Promise<number> {
    return (await this.#calls.ioctl(this.facts.fd, VFIO_DEVICE_RESET)).ret;
  }

  /** Installs eventfds for consecutive vectors of an IRQ index. */
  async setEventfds(index: number, fds: readonly number[], start = 0): Promise<number> {
    const data = new Uint8Array(new Int32Array(fds).buffer);
    const head = vfio_irq_set.encode({
      argsz: vfio_irq_set.sizeBytes + data.length,
      flags: VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
      index,
      start,
      count: fds.length,
    });
    return (await this.#calls.ioctl(this.facts.fd, VFIO_DEVICE_SET_IRQS, new Uint8Array([...head, ...data]))).ret;
  }

  /** Removes every eventfd of an IRQ index. */
  async disableIrqs(index: number): Promise<number> {
    const arg = vfio_irq_set.encode({ argsz: vfio_irq_set.sizeBytes, flags: VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, index });
    return (await this.#calls.ioctl(this.facts.fd, VFIO_DEVICE_SET_IRQS, arg)).ret;
  }
}

/** Subtype of a nested region, or -1. */
async function regionSubtype(calls: SystemCalls, fd: number, index: number): Promise<number> {
  const arg = new Uint8Array(INFO_BYTES);
  arg.set(vfio_region_info.encode({ argsz: INFO_BYTES, index }));
  const { ret, arg: answer } = await calls.ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, arg);
  if (ret < 0) return -1;
  const type = findCapability(answer, Number(vfio_region_info.decode(answer.slice(0, vfio_region_info.sizeBytes)).cap_offset), VFIO_REGION_INFO_CAP_TYPE);
  if (type === null) return -1;
  const fields = vfio_region_info_cap_type.decode(answer.slice(type, type + vfio_region_info_cap_type.sizeBytes));
  return Number(fields.type) === VFIO_REGION_TYPE_NESTED ? Number(fields.subtype) : -1;
}

async function isDmaFaultIrq(calls: SystemCalls, fd: number, index: number): Promise<boolean> {
  const arg = new Uint8Array(INFO_BYTES);
  arg.set(vfio_irq_info.encode({ argsz: INFO_BYTES, index }));
  const { ret, arg: answer } = await calls.ioctl(fd, VFIO_DEVICE_GET_IRQ_INFO, arg);
  if (ret < 0) return false;
  const at = findCapability(answer, Number(vfio_irq_info.decode(answer.slice(0, vfio_irq_info.sizeBytes)).cap_offset), VFIO_IRQ_INFO_CAP_TYPE);
  if (at === null) return false;
  const fields = vfio_irq_info_cap_type.decode(answer.slice(at, at + vfio_irq_info_cap_type.sizeBytes));
  return Number(fields.type) === VFIO_IRQ_TYPE_NESTED && Number(fields.subtype) === VFIO_IRQ_SUBTYPE_DMA_FAULT;
}

/** Offset of a vfio_info_cap_header with `id` in a chain from `first`; 0 ends it. */
function findCapability(info: Uint8Array, first: number, id: number): number | null {
  for (let at = first, left = CAPABILITY_LIMIT; at !== 0 && at + vfio_info_cap_header.sizeBytes <= info.length && left > 0; left--) {
    const header = vfio_info_cap_header.decode(info.slice(at, at + vfio_info_cap_header.sizeBytes));
    if (Number(header.id) === id) return at;
    at = Number(header.next);
  }
  return null;
}

type ConfigRead = (offset: number, size: number) => Promise<number>;

async function findCapabilities(config: ConfigRead): Promise<Pick<DeviceFacts, "msix" | "express">> {
  const found: Pick<DeviceFacts, "msix" | "express"> = { msix: null, express: null };
  for (let at = (await config(HEADER.capabilities, 1)) & 0xfc, left = CAPABILITY_LIMIT; at !== 0 && left > 0; left--) {
    const header = await config(at, 2);
    if ((header & 0xff) === CAPABILITY.PCIe) found.express ??= at;
    if ((header & 0xff) === CAPABILITY.MSIX && found.msix === null) {
      const table = await config(at + MSIX_CAPABILITY.table, 4); // [2:0] BIR: only a table in BAR0 is trapped
      if ((table & 7) === 0) found.msix = { capability: at, table, vectors: ((await config(at + MSIX_CAPABILITY.control, 2)) & 0x7ff) + 1 };
    }
    at = (header >> 8) & 0xfc;
  }
  return found;
}

async function findPri(config: ConfigRead): Promise<DeviceFacts["pri"]> {
  for (let at = 0x100, left = CAPABILITY_LIMIT; at !== 0 && left > 0; left--) {
    const header = await config(at, 4);
    if ((header & 0xffff) === EXTENDED_CAPABILITY.PRI) return { prgResponsePasidRequired: ((await config(at + PRI.status, 2)) & PRI.prgResponsePasidRequired) !== 0 };
    at = (header >>> 20) & 0xffc;
  }
  return null;
}
