import { EVENT_QUEUE } from "@faultline/shared/virtio/virtio-iommu.ts";
import type { GuestEdge } from "../virtqueue/guest-edge.ts";

/** Reports of one endpoint that wait for a buffer (virtio-iommu.md, section 9). */
const LIMIT = 512;

export interface Report {
  endpoint: number;
  bytes: Uint8Array;
  /** An unrecoverable fault may be cut to so many bytes; null: a page request, which must arrive whole. */
  prefixBytes: number | null;
  /** The report went into buffer `head`. */
  used(head: number): void;
  /** It cannot be delivered: the buffer is too small, or too many wait already. */
  refused(): void;
}

/** Queue 1: reports go into buffers that the driver has posted, in order; without one they wait. */
export class EventQueue {
  readonly #edge: GuestEdge;
  readonly #buffers: { head: number; writableLength: number }[] = [];
  #waiting: Report[] = [];
  readonly #waitingOf = new Map<number, number>();

  constructor(edge: GuestEdge) {
    this.#edge = edge;
  }

  /** Buffers that the guest has posted, and reports that wait for one. */
  get posted(): number {
    return this.#buffers.length;
  }
  get waiting(): number {
    return this.#waiting.length;
  }

  available(head: number, writableLength: number): void {
    this.#buffers.push({ head, writableLength });
    while (this.#waiting.length > 0 && this.#buffers.length > 0) {
      const report = this.#waiting.shift() as Report;
      this.#waitingOf.set(report.endpoint, this.#countOf(report.endpoint) - 1);
      this.#deliver(report);
    }
  }

  report(report: Report): void {
    if (this.#buffers.length > 0) return this.#deliver(report);
    const waiting = this.#countOf(report.endpoint);
    if (waiting >= LIMIT) return report.refused();
    this.#waitingOf.set(report.endpoint, waiting + 1);
    this.#waiting.push(report);
  }

  /** Drops what waits for an endpoint. */
  discard(endpoint: number): void {
    this.#waiting = this.#waiting.filter((report) => report.endpoint !== endpoint);
    this.#waitingOf.delete(endpoint);
  }

  #countOf(endpoint: number): number {
    return this.#waitingOf.get(endpoint) ?? 0;
  }

  #deliver(report: Report): void {
    const { head, writableLength } = this.#buffers[0];
    const short = writableLength < report.bytes.length;
    if (short && report.prefixBytes === null) return report.refused(); // the buffer stays in the queue
    this.#buffers.shift();
    report.used(head);
    // Never spread over several buffers (VI-D-64).
    const written = short ? report.bytes.subarray(0, Math.min(report.prefixBytes ?? 0, writableLength)) : report.bytes;
    this.#edge.send({ kind: "used", queue: EVENT_QUEUE, head, written, interrupt: true });
  }
}
