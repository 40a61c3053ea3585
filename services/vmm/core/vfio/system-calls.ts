import { hex } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import { EIO } from "@faultline/shared/linux-uapi/errno.ts";
import { KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION } from "@faultline/shared/linux-uapi/kvm.ts";
import { VFIO_PCI_OFFSET_SHIFT, vfioCommandNames } from "@faultline/shared/linux-uapi/vfio.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";

const NONE = new Uint8Array(0);
const SHIFT = 2 ** VFIO_PCI_OFFSET_SHIFT;
const commandNames: Record<number, string> = { ...vfioCommandNames, [KVM_CREATE_VM]: "KVM_CREATE_VM", [KVM_SET_USER_MEMORY_REGION]: "KVM_SET_USER_MEMORY_REGION" };

/** The VMM's system calls. A call whose edge breaks returns -EIO: the process is about to end. */
export class SystemCalls {
  readonly edge: EdgePort<VmmToHost, HostToVmm>;
  readonly #tracer: Tracer;

  constructor(edge: EdgePort<VmmToHost, HostToVmm>, tracer: Tracer) {
    this.edge = edge;
    this.#tracer = tracer;
  }

  async open(path: string): Promise<number> {
    const reply = await this.edge.request({ kind: "open", path });
    return reply !== "broken" && reply.kind === "openResult" ? reply.ret : -EIO;
  }

  async ioctl(fd: number, cmd: number, arg: Uint8Array = NONE): Promise<{ ret: number; arg: Uint8Array }> {
    const reply = await this.edge.request({ kind: "ioctl", fd, cmd, arg });
    const result = reply !== "broken" && reply.kind === "ioctlResult" ? { ret: reply.ret, arg: reply.arg } : { ret: -EIO, arg: NONE };
    this.#tracer.emit("vmm.ioctl", { fd }, { name: commandNames[cmd] ?? hex(cmd), ret: result.ret });
    return result;
  }

  /** HVA, or -errno. `fd` -1: anonymous memory, populated. */
  async mmap(fd: number, offset: number, length: number): Promise<number> {
    const reply = await this.edge.request({ kind: "mmap", fd, offset, length });
    if (reply === "broken" || reply.kind !== "mmapResult") return -EIO;
    return reply.ret < 0 ? reply.ret : reply.hva;
  }

  async pread(fd: number, region: number, offset: number, length: number): Promise<Uint8Array | number> {
    const reply = await this.edge.request({ kind: "pread", fd, offset: region * SHIFT + offset, length });
    if (reply === "broken" || reply.kind !== "preadResult") return -EIO;
    return reply.ret < 0 ? reply.ret : reply.data;
  }

  async pwrite(fd: number, region: number, offset: number, data: Uint8Array): Promise<number> {
    const reply = await this.edge.request({ kind: "pwrite", fd, offset: region * SHIFT + offset, data });
    return reply !== "broken" && reply.kind === "pwriteResult" ? reply.ret : -EIO;
  }
}
