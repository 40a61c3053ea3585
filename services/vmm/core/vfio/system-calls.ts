import { hex } from "@faultline/shared/codec/uint64.ts";
import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { HostToVmm, VmmToHost } from "@faultline/shared/edge/vfio.ts";
import { EIO } from "@faultline/shared/linux-uapi/errno.ts";
import { ioctlArgument, ioctlName } from "@faultline/shared/linux-uapi/ioctl-text.ts";
import { VFIO_PCI_OFFSET_SHIFT } from "@faultline/shared/linux-uapi/vfio.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";

const NONE = new Uint8Array(0);
const SHIFT = 2 ** VFIO_PCI_OFFSET_SHIFT;

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
    return this.#told("open", () => [JSON.stringify(path)], reply !== "broken" && reply.kind === "openResult" ? reply.ret : -EIO);
  }

  async ioctl(fd: number, cmd: number, arg: Uint8Array = NONE): Promise<{ ret: number; arg: Uint8Array }> {
    const reply = await this.edge.request({ kind: "ioctl", fd, cmd, arg });
    const result = reply !== "broken" && reply.kind === "ioctlResult" ? { ret: reply.ret, arg: reply.arg } : { ret: -EIO, arg: NONE };
    this.#tracer.emit("vmm.ioctl", { fd }, { name: ioctlName(cmd), ret: result.ret });
    // What a call gives back is shown; where it failed, what it was given.
    this.#told("ioctl", () => [String(fd), ioctlName(cmd), ioctlArgument(cmd, result.ret < 0 ? arg : result.arg)], result.ret);
    return result;
  }

  /** HVA, or -errno. `fd` -1: anonymous memory, populated. */
  async mmap(fd: number, offset: number, length: number): Promise<number> {
    const reply = await this.edge.request({ kind: "mmap", fd, offset, length });
    const ret = reply === "broken" || reply.kind !== "mmapResult" ? -EIO : reply.ret < 0 ? reply.ret : reply.hva;
    return this.#told("mmap", () => ["NULL", String(length), "PROT_READ|PROT_WRITE", fd < 0 ? "MAP_ANONYMOUS" : "MAP_SHARED", String(fd), hex(offset)], ret);
  }

  async pread(fd: number, region: number, offset: number, length: number): Promise<Uint8Array | number> {
    const reply = await this.edge.request({ kind: "pread", fd, offset: region * SHIFT + offset, length });
    const result = reply === "broken" || reply.kind !== "preadResult" ? -EIO : reply.ret < 0 ? reply.ret : reply.data;
    this.#told(
      "pread",
      () => [String(fd), typeof result === "number" ? "NULL" : quoted(result), String(length), place(region, offset)],
      typeof result === "number" ? result : result.length,
    );
    return result;
  }

  async pwrite(fd: number, region: number, offset: number, data: Uint8Array): Promise<number> {
    const reply = await this.edge.request({ kind: "pwrite", fd, offset: region * SHIFT + offset, data });
    return this.#told(
      "pwrite",
      () => [String(fd), quoted(data), String(data.length), place(region, offset)],
      reply !== "broken" && reply.kind === "pwriteResult" ? reply.ret : -EIO,
    );
  }

  /** One line of `faultline trace --edge vfio`, built only when somebody listens. Returns `ret`. */
  #told(call: string, args: () => string[], ret: number): number {
    if (this.#tracer.wants("vmm.system-call")) this.#tracer.emit("vmm.system-call", {}, { call, args: args(), ret });
    return ret;
  }
}

const QUOTED = 32;
const ESCAPED = Array.from({ length: 256 }, (_, byte) => `\\x${byte.toString(16).padStart(2, "0")}`);
function quoted(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length && i < QUOTED; i++) text += ESCAPED[bytes[i]];
  return `"${text}"${bytes.length > QUOTED ? "..." : ""}`;
}
/** File offset of a region as the uapi composes it. */
const place = (region: number, offset: number): string => `${region}<<${VFIO_PCI_OFFSET_SHIFT}|${hex(offset)}`;
