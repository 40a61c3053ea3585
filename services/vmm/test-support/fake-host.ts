import { uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort, SendResult } from "@faultline/shared/edge/envelope.ts";
import { type HostToVmm, regionAddress, regionOfAddress, regionOfFileOffset, type VmmToHost } from "@faultline/shared/edge/vfio.ts";
import { iommu_fault_prm, iommu_page_response, iommu_pasid_table_config } from "@faultline/shared/linux-uapi/iommu.ts";
import { KVM_CREATE_VM } from "@faultline/shared/linux-uapi/kvm.ts";
import {
  vfio_device_info,
  vfio_group_status,
  vfio_info_cap_header,
  vfio_iommu_type1_set_msi_binding,
  vfio_irq_info,
  vfio_irq_info_cap_type,
  vfio_irq_set,
  vfio_region_info,
  vfio_region_info_cap_type,
  vfioCommandNames,
} from "@faultline/shared/linux-uapi/vfio.ts";
import { heapMemory } from "@faultline/shared/physical-memory/heap.ts";
import type { Ram } from "@faultline/shared/physical-memory/ram.ts";

const FAULT_REGION = 11,
  RESPONSE_REGION = 9,
  FAULT_IRQ = 7; // not where the posted series has them: a client finds them by type

/** The other end of the VMM's edge: a host that does what it is asked and writes it down. */
export class FakeHost implements EdgePort<VmmToHost, HostToVmm> {
  broken = false;
  readonly memory: Ram = heapMemory(0x7f00_0000_0000, 2 ** 20);
  /** ioctls and opens, as text, in order. */
  readonly calls: string[] = [];
  readonly configuration = new Uint8Array(4096);
  readonly bar0 = new Uint8Array(0x10000);
  /** Answers of the VMM as the response ring has them. */
  readonly responses: { grpid: number; pasid: number | null; code: number }[] = [];
  /** ret of the next ioctl of this name. */
  readonly refuse = new Map<string, number>();
  /** When set, ioctls of this name wait for it. */
  readonly slow = new Map<string, Promise<void>>();
  readonly eventfdsOfIrq = new Map<number, number[]>();
  deviceFd = -1;
  tail = 0;
  onSignal: (fd: number) => void = () => {};
  onWrite: (address: number, data: Uint8Array) => void = () => {};
  #nextFd = 3;
  #head = 0;
  #ring = new Uint8Array(512 * 24);
  #responseTail = 0;

  constructor() {
    this.configuration.set([0x34, 0x12, 0x01, 0x5a]);
    this.configuration[0x34] = 0x40;
    this.configuration.set([0x11, 0x60, 8, 0, 0x00, 0x80, 0, 0], 0x40); // MSI-X: 9 vectors, table at 0x8000 of BAR0
    this.configuration.set([0x10, 0x00], 0x60); // PCI Express
    this.configuration.set([0x0f, 0x00, 0x01, 0x11], 0x100); // ATS, next 0x110
    this.configuration.set([0x13, 0x00, 0x01, 0x00, 0, 0, 0x00, 0x80], 0x110); // PRI: PRG Response PASID Required
  }

  /** Stores a page request in the DMA_FAULT ring and signals. `flags`: PASID_VALID 1, LAST 2, NEEDS_PASID 8. */
  pageRequest(fields: { grpid: number; pasid?: number; flags: number; addr?: bigint; perm?: number }): void {
    this.onWrite(
      regionAddress(this.deviceFd, FAULT_REGION, 4096 + 64 * this.#head),
      iommu_fault_prm.encode({ type: 2, pasid: 0, addr: 0x7f0000001000n, perm: 1, ...fields }),
    );
    this.#head = (this.#head + 1) % 512;
    this.onWrite(regionAddress(this.deviceFd, FAULT_REGION, 16), uint64Bytes(this.#head).slice(0, 4));
    this.onSignal(this.eventfdsOfIrq.get(FAULT_IRQ)?.[0] ?? -1);
  }

  send(): SendResult {
    throw new Error("every message of the VMM has a reply");
  }
  reply(): void {}
  async writable(): Promise<void> {}
  post(address: number, data: Uint8Array): void {
    const { region, offset } = regionOfAddress(address);
    if (region === RESPONSE_REGION) this.#ring.set(data, offset - 4096);
  }

  async request(body: VmmToHost): Promise<HostToVmm | "broken"> {
    await Promise.resolve();
    switch (body.kind) {
      case "open":
        this.calls.push(`open ${body.path}`);
        return { kind: "openResult", ret: this.#nextFd++ };
      case "mmap":
        return { kind: "mmapResult", ret: 0, hva: this.memory.base };
      case "ioctl":
        return this.#ioctl(body.cmd, body.arg);
      case "pread": {
        const { region, offset } = regionOfFileOffset(body.offset);
        return { kind: "preadResult", ret: body.length, data: (region === 7 ? this.configuration : this.bar0).slice(offset, offset + body.length) };
      }
      case "pwrite": {
        const { region, offset } = regionOfFileOffset(body.offset);
        if (region === RESPONSE_REGION) this.#respond(body.data[0] + 256 * body.data[1]);
        else if (region === FAULT_REGION) this.tail = body.data[0] + 256 * body.data[1];
        else (region === 7 ? this.configuration : this.bar0).set(body.data, offset);
        return { kind: "pwriteResult", ret: body.data.length };
      }
      case "close":
        return { kind: "closeResult", ret: 0 };
    }
  }

  #respond(head: number): void {
    for (; this.#responseTail !== head; this.#responseTail = (this.#responseTail + 1) % 512) {
      const r = iommu_page_response.decode(this.#ring.slice(24 * this.#responseTail, 24 * this.#responseTail + 24));
      this.responses.push({ grpid: Number(r.grpid), pasid: r.flags ? Number(r.pasid) : null, code: Number(r.code) });
    }
  }

  async #ioctl(cmd: number, arg: Uint8Array): Promise<HostToVmm> {
    const name = vfioCommandNames[cmd] ?? (cmd === KVM_CREATE_VM ? "KVM_CREATE_VM" : "KVM_SET_USER_MEMORY_REGION");
    this.calls.push(name + detail(name, arg));
    await this.slow.get(name);
    const refused = this.refuse.get(name);
    if (refused !== undefined) {
      this.refuse.delete(name);
      return { kind: "ioctlResult", ret: refused, arg };
    }
    const out = arg.slice();
    let ret = 0;
    if (name === "KVM_CREATE_VM" || name === "VFIO_GROUP_GET_DEVICE_FD") ret = this.#nextFd++;
    if (name === "VFIO_GROUP_GET_DEVICE_FD") this.deviceFd = ret;
    if (name === "VFIO_GROUP_GET_STATUS") out.set(vfio_group_status.encode({ argsz: 8, flags: 1 }));
    if (name === "VFIO_DEVICE_GET_INFO") out.set(vfio_device_info.encode({ argsz: 20, num_regions: 12, num_irqs: 8 }));
    if (name === "VFIO_DEVICE_GET_REGION_INFO") {
      const index = Number(vfio_region_info.decode(out.slice(0, 32)).index);
      if (index === FAULT_REGION || index === RESPONSE_REGION) {
        out.set(vfio_region_info.encode({ argsz: 128, flags: 0xf, index, cap_offset: 32 }));
        out.set(vfio_info_cap_header.encode({ id: 1, version: 1, next: 40 }), 32);
        out.set(vfio_region_info_cap_type.encode({ id: 2, version: 1, type: 4, subtype: index === FAULT_REGION ? 1 : 2 }), 40);
      }
    }
    if (name === "VFIO_DEVICE_GET_IRQ_INFO" && Number(vfio_irq_info.decode(out.slice(0, 20)).index) === FAULT_IRQ) {
      out.set(vfio_irq_info.encode({ argsz: 128, flags: 17, index: FAULT_IRQ, count: 1, cap_offset: 20 }));
      out.set(vfio_irq_info_cap_type.encode({ id: 3, version: 1, type: 1, subtype: 1 }), 20);
    }
    if (name === "VFIO_DEVICE_SET_IRQS") this.#setIrqs(arg);
    return { kind: "ioctlResult", ret, arg: out };
  }

  #setIrqs(arg: Uint8Array): void {
    const set = vfio_irq_set.decode(arg.slice(0, 20));
    const index = Number(set.index);
    const fds = this.eventfdsOfIrq.get(index) ?? [];
    if (set.count === 0n) fds.length = 0;
    for (let i = 0; i < Number(set.count); i++) fds[Number(set.start) + i] = new DataView(arg.buffer, arg.byteOffset + 20 + 4 * i).getInt32(0, true);
    this.eventfdsOfIrq.set(index, fds);
  }
}

const MODES = ["", "TRANSLATE", "BYPASS", "ABORT"];
function detail(name: string, arg: Uint8Array): string {
  if (name === "VFIO_IOMMU_SET_PASID_TABLE") return arg[4] === 2 ? " UNSET" : ` ${MODES[Number(iommu_pasid_table_config.decode(arg.slice(8, 40)).config)]}`;
  if (name !== "VFIO_IOMMU_SET_MSI_BINDING") return "";
  const { flags, iova, gpa } = vfio_iommu_type1_set_msi_binding.decode(arg);
  return flags === 1n ? ` BIND ${iova.toString(16)} ${gpa.toString(16)}` : ` UNBIND ${iova.toString(16)}`;
}
