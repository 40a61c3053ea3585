import type { EdgeDo } from "../lab/fault-rule.ts";
import { errnoValue } from "../linux-uapi/errno.ts";
import {
  REQUEST_QUEUE,
  VIRTIO_IOMMU_S_DEVERR,
  VIRTIO_IOMMU_S_FAULT,
  VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_IOERR,
  VIRTIO_IOMMU_S_NOENT,
  VIRTIO_IOMMU_S_NOMEM,
  VIRTIO_IOMMU_S_OK,
  VIRTIO_IOMMU_S_RANGE,
  VIRTIO_IOMMU_S_UNSUPP,
} from "../virtio/virtio-iommu.ts";
import type { HostToSmmu, SmmuToHost } from "./smmu.ts";
import type { HostToVmm, VmmToHost } from "./vfio.ts";
import type { GuestToVmm, VmmToGuest } from "./virtio.ts";

export type Answer = Extract<EdgeDo, { action: "answer" }>;

const statuses: Record<string, number> = {
  VIRTIO_IOMMU_S_OK,
  VIRTIO_IOMMU_S_IOERR,
  VIRTIO_IOMMU_S_UNSUPP,
  VIRTIO_IOMMU_S_DEVERR,
  VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_RANGE,
  VIRTIO_IOMMU_S_NOENT,
  VIRTIO_IOMMU_S_FAULT,
  VIRTIO_IOMMU_S_NOMEM,
};
/** Bytes of struct virtio_iommu_req_tail, at the end of what the device writes: status, then 3 reserved. */
const TAIL_BYTES = 4;

/** The value of VIRTIO_IOMMU_S_* by name or number; null: there is none. */
export const statusValue = (status: string | number): number | null =>
  typeof status === "number" ? (Object.values(statuses).includes(status) ? status : null) : Object.hasOwn(statuses, status) ? statuses[status] : null;

/** What the root complex makes of a request that completed with UR or CA: all ones, a write is done (PCIe 2.3.2). null: nobody answers this message. */
export function answerSmmu(body: HostToSmmu, how: Answer): SmmuToHost | null {
  if (!("code" in how)) return null;
  if (body.kind === "mmioRead") return { kind: "mmioReadResult", value: new Uint8Array(body.size).fill(0xff) };
  return body.kind === "configWrite" ? { kind: "configWriteDone" } : null;
}

/** A system call that fails with the errno. */
export function answerVfio(body: VmmToHost, how: Answer): HostToVmm | null {
  const errno = "errno" in how ? errnoValue(how.errno) : null;
  if (errno === null) return null;
  const ret = -errno;
  switch (body.kind) {
    case "ioctl":
      return { kind: "ioctlResult", ret, arg: body.arg };
    case "mmap":
      return { kind: "mmapResult", ret, hva: 0 };
    case "pread":
      return { kind: "preadResult", ret, data: new Uint8Array(0) };
    default:
      return { kind: `${body.kind}Result`, ret };
  }
}

/** A used element whose tail has the status, everything before it 0; or what the root complex makes of UR and CA. */
export function answerVirtio(body: GuestToVmm, how: Answer): VmmToGuest | null {
  if ("status" in how) {
    const status = statusValue(how.status);
    if (body.kind !== "available" || body.queue !== REQUEST_QUEUE || status === null || body.writableLength < TAIL_BYTES) return null;
    const written = new Uint8Array(body.writableLength);
    written[body.writableLength - TAIL_BYTES] = status;
    return { kind: "used", queue: body.queue, head: body.head, written, interrupt: true };
  }
  if (!("code" in how)) return null;
  if (body.kind === "pciRead") return { kind: "pciReadResult", value: new Uint8Array(body.size).fill(0xff) };
  return body.kind === "pciWrite" && body.space === "config" ? { kind: "pciWriteDone" } : null;
}
