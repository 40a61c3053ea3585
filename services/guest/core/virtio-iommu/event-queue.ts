import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { WaitQueue } from "@faultline/shared/execution/wait-queue.ts";
import { EVENT_QUEUE, virtio_iommu_fault } from "@faultline/shared/virtio/virtio-iommu.ts";
import { QUEUE_SIZE, Virtqueue } from "../virtqueue/virtqueue.ts";
import type { VirtioIommuAbi } from "./abi.ts";

/** A report with the fields of struct virtio_iommu_fault, copied out of its buffer. */
export interface FaultReport {
  reason: number;
  flags: number;
  endpoint: number;
  pasid: number;
  address: bigint;
  grpid: number;
  /** The request says itself whether its response needs the PASID (`rfc-v1`); absent: the endpoint's properties do. */
  responseNeedsPasid?: boolean;
}

/** What the posted driver does with events. */
export interface PostedEventQueue {
  /** RR-09: one work item and one fault pointer serve all events. */
  singleSlot: boolean;
  /** RR-10: the work item reads the event's buffer, which the device may have used again. */
  readsBufferLate: boolean;
  /** RR-72: a short event is not told from a whole one. */
  takesShort: boolean;
}
/** An event that waits for its work item: the endpoint is copied when it comes, the rest is in `head`'s buffer. */
interface EventWork {
  report: FaultReport;
  head: number;
}

/**
 * Queue 1. The interrupt wakes one thread, which handles the events in order (RR-59: the core's report function sleeps, so the hard interrupt cannot call it).
 * Each event is copied before its buffer goes back to the device (RR-09, RR-10).
 */
export class EventQueue {
  readonly #queue: Virtqueue;
  readonly #execution: Execution;
  readonly #bufferBytes: number;
  readonly #abi: VirtioIommuAbi;
  readonly #handle: (report: FaultReport) => Promise<void>;
  readonly #posted: PostedEventQueue;
  /** M-drain-events: one event per interrupt. */
  readonly #drains: boolean;
  /** RR-09: the one fault pointer of the posted driver. */
  #slot: EventWork | null = null;
  /** RR-10, RR-72: the buffers as they lie in guest memory, by head, with what earlier events left in them. */
  readonly #buffers = new Map<number, Uint8Array>();
  #running = false;
  readonly #idle = new WaitQueue();

  constructor(
    edge: EdgePort<GuestToVmm, VmmToGuest>,
    o: { execution: Execution; abi: VirtioIommuAbi; pageRequests: boolean; posted: PostedEventQueue; drains: boolean; handle(report: FaultReport): Promise<void> },
  ) {
    this.#queue = new Virtqueue(EVENT_QUEUE, edge);
    this.#execution = o.execution;
    this.#abi = o.abi;
    this.#bufferBytes = o.pageRequests ? o.abi.reportBytes.pageRequests : o.abi.reportBytes.without;
    this.#posted = o.posted;
    this.#drains = o.drains;
    this.#handle = o.handle;
  }

  /** As many buffers as the queue has room for. */
  async postBuffers(): Promise<void> {
    for (let i = 0; i < QUEUE_SIZE; i++) await this.#queue.add(new Uint8Array(0), this.#bufferBytes);
  }

  /** Without an interrupt the element waits in the used ring for the next one. */
  used(head: number, written: Uint8Array, interrupt: boolean): void {
    if (this.#queue.push({ head, written }) && (this.#posted.readsBufferLate || this.#posted.takesShort)) this.#written(head, written);
    if (!interrupt || this.#running) return;
    this.#running = true;
    this.#execution.spawn("virtio-iommu event thread", async () => {
      await this.#drain();
    });
  }

  async #drain(): Promise<void> {
    for (let element = this.#queue.take(); element; element = this.#queue.take()) {
      const report = this.#parse(this.#posted.takesShort ? this.#buffers.get(element.head)! : element.written);
      await this.#queue.add(new Uint8Array(0), this.#bufferBytes); // the head is free: never waits for room
      if (report && (this.#posted.singleSlot || this.#posted.readsBufferLate)) this.#queueWork({ report, head: element.head });
      else if (report) await this.#handle(report);
      if (!this.#drains) break;
    }
    this.#running = false;
    this.#idle.wake();
  }

  /** Every event that has arrived is reported. */
  handled(): Promise<void> {
    return this.#idle.until(() => !this.#running);
  }

  /** null: longer than the structure, shorter than any report (RR-72), or reserved bytes set (VI-G-37): ignored. */
  #parse(written: Uint8Array): FaultReport | null {
    if (written.length > this.#bufferBytes || written.length < this.#abi.reportBytes.without) return null;
    const { sizeBytes } = virtio_iommu_fault; // of both ABIs
    if (written.length === sizeBytes) return this.#abi.decodeReport(written);
    const whole = new Uint8Array(sizeBytes);
    whole.set(written);
    return this.#abi.decodeReport(whole);
  }

  /** The device writes no further than the event reaches: behind it is what was there. */
  #written(head: number, event: Uint8Array): void {
    const buffer = this.#buffers.get(head) ?? new Uint8Array(this.#bufferBytes);
    buffer.set(event.subarray(0, buffer.length));
    this.#buffers.set(head, buffer);
  }

  #queueWork(work: EventWork): void {
    const pending = this.#posted.singleSlot && this.#slot !== null;
    if (this.#posted.singleSlot) this.#slot = work;
    if (pending) return; // queueing a pending work item does nothing: the earlier fault is lost
    this.#execution.spawn("virtio-iommu fault work", async () => {
      const one = this.#posted.singleSlot ? this.#slot : work;
      this.#slot = null;
      const report = one && this.#reportOf(one);
      if (report) await this.#handle(report);
    });
  }

  #reportOf({ report, head }: EventWork): FaultReport | null {
    if (!this.#posted.readsBufferLate) return report;
    const now = this.#parse(this.#buffers.get(head)!);
    return now && { ...now, endpoint: report.endpoint };
  }
}
