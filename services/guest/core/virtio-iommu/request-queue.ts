import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { Mutex } from "@faultline/shared/execution/mutex.ts";
import { EFAULT, EINVAL, EIO, ENOENT, ENOMEM, ENOSYS, ERANGE } from "@faultline/shared/linux-uapi/errno.ts";
import {
  REQUEST_QUEUE,
  VIRTIO_IOMMU_S_FAULT,
  VIRTIO_IOMMU_S_INVAL,
  VIRTIO_IOMMU_S_NOENT,
  VIRTIO_IOMMU_S_NOMEM,
  VIRTIO_IOMMU_S_OK,
  VIRTIO_IOMMU_S_RANGE,
  VIRTIO_IOMMU_S_UNSUPP,
} from "@faultline/shared/virtio/virtio-iommu.ts";
import { Virtqueue } from "../virtqueue/virtqueue.ts";

const TAIL_BYTES = 4;

/** virtio status to errno, as the Linux driver does it (virtio-iommu.md, section 4). */
export function viommu_get_req_errno(status: number): number {
  switch (status) {
    case VIRTIO_IOMMU_S_OK:
      return 0;
    case VIRTIO_IOMMU_S_UNSUPP:
      return -ENOSYS;
    case VIRTIO_IOMMU_S_INVAL:
      return -EINVAL;
    case VIRTIO_IOMMU_S_RANGE:
      return -ERANGE;
    case VIRTIO_IOMMU_S_NOENT:
      return -ENOENT;
    case VIRTIO_IOMMU_S_FAULT:
      return -EFAULT;
    case VIRTIO_IOMMU_S_NOMEM:
      return -ENOMEM;
    default:
      return -EIO;
  }
}

export interface RequestAnswer {
  ret: number;
  written: Uint8Array;
}

/** Queue 0. Any number of requests can be under way; each waits for its own used element. */
export class RequestQueue {
  readonly #queue: Virtqueue;
  readonly #waiting = new Map<number, (written: Uint8Array) => void>();
  /** RR-83: one request at a time, under the request lock. */
  readonly #requestLock: Mutex | null;
  /** RR-58: the used length is not looked at; the tail that nobody wrote is still the zero of the driver's own buffer, which is VIRTIO_IOMMU_S_OK. */
  readonly #unwrittenIsOk: boolean;

  constructor(edge: EdgePort<GuestToVmm, VmmToGuest>, o: { requestLock: Mutex | null; unwrittenIsOk: boolean; waitsForRoom: boolean }) {
    this.#queue = new Virtqueue(REQUEST_QUEUE, edge, o.waitsForRoom);
    this.#requestLock = o.requestLock;
    this.#unwrittenIsOk = o.unwrittenIsOk;
  }

  /** The readable part of `request` is all but its tail. `ret`: 0, the status as errno, -EIO for used length 0 (VI-G-10; RR-58) or a broken edge. */
  send(request: Uint8Array): Promise<number> {
    return this.sendWithReply(request.subarray(0, request.length - TAIL_BYTES), TAIL_BYTES).then((answer) => answer.ret);
  }

  async sendWithReply(readable: Uint8Array, writableLength: number): Promise<RequestAnswer> {
    if (this.#requestLock) return this.#requestLock.with(() => this.#transfer(readable, writableLength));
    return this.#transfer(readable, writableLength);
  }

  /** Requests that the device has and nobody gave up. */
  get underWay(): number {
    return this.#waiting.size;
  }

  /** A used element of the device. */
  used(head: number, written: Uint8Array): void {
    if (!this.#queue.push({ head, written })) return;
    for (let element = this.#queue.take(); element; element = this.#queue.take()) {
      const done = this.#waiting.get(element.head);
      this.#waiting.delete(element.head);
      done?.(element.written);
    }
  }

  async #transfer(readable: Uint8Array, writableLength: number): Promise<RequestAnswer> {
    let done = (_written: Uint8Array) => {};
    const reply = new Promise<Uint8Array>((resolve) => (done = resolve));
    if ((await this.#queue.add(readable, writableLength, (head) => this.#waiting.set(head, done))) === "broken") return { ret: -EIO, written: new Uint8Array(0) };
    const used = await reply;
    if (used.length < writableLength && !this.#unwrittenIsOk) return { ret: -EIO, written: used };
    const written = used.length < writableLength ? new Uint8Array(writableLength) : used;
    if (written !== used) written.set(used);
    return { ret: viommu_get_req_errno(written[writableLength - TAIL_BYTES]), written };
  }
}
