import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import { EVENT_QUEUE } from "@faultline/shared/virtio/virtio-iommu.ts";

/** Page requests of one endpoint that wait for a buffer (virtio-iommu.md, section 9). */
const LIMIT = 512;

export interface Report { endpoint: number; bytes: Uint8Array; pageRequest: boolean }

/** Queue 1: reports go into buffers that the driver has posted, in order per endpoint; without one they wait. */
export class EventQueue {
  readonly #edge: EdgePort<VmmToGuest, GuestToVmm>;
  readonly #buffers: { head: number; writableLength: number }[] = [];
  #waiting: Report[] = [];

  constructor(edge: EdgePort<VmmToGuest, GuestToVmm>) {
    this.#edge = edge;
  }

  available(head: number, writableLength: number): void {
    this.#buffers.push({ head, writableLength });
    this.#flush();
  }

  /** False: too many wait for this endpoint already; the caller answers a page request INVALID. An unrecoverable fault that finds no room is lost. */
  report(report: Report): boolean {
    if (this.#waiting.filter(({ endpoint }) => endpoint === report.endpoint).length >= LIMIT) return false;
    this.#waiting.push(report);
    this.#flush();
    return true;
  }

  /** Drops what waits for an endpoint. */
  discard(endpoint: number): void {
    this.#waiting = this.#waiting.filter((report) => report.endpoint !== endpoint);
  }

  #flush(): void {
    while (this.#waiting.length && this.#buffers.length) {
      const [report] = this.#waiting;
      const [buffer] = this.#buffers;
      const short = buffer.writableLength < report.bytes.length;
      if (short && report.pageRequest) return; // the buffer stays in the queue; so does the request
      this.#waiting.shift();
      this.#buffers.shift();
      // An unrecoverable fault is cut to the 24-byte prefix of the specification (VI-D-64).
      this.#edge.send({ kind: "used", queue: EVENT_QUEUE, head: buffer.head, written: short ? report.bytes.subarray(0, Math.min(24, buffer.writableLength)) : report.bytes, interrupt: true });
    }
  }
}
