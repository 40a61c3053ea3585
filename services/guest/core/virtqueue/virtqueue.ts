import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";
import { WaitQueue } from "@faultline/shared/execution/wait-queue.ts";

export const QUEUE_SIZE = 256;
export interface UsedElement {
  head: number;
  written: Uint8Array;
}

/** The driver's side of one virtqueue. The edge is the queue: a chain is one `available` message, the used ring the `used` messages that came. */
export class Virtqueue {
  readonly index: number;
  readonly #edge: EdgePort<GuestToVmm, VmmToGuest>;
  readonly #freeHeads: number[] = [];
  /** Chains that the device owns. */
  readonly #inFlight = new Set<number>();
  readonly #used: UsedElement[] = [];
  /** Wakes when a head is free or the edge takes messages again. */
  readonly #room = new WaitQueue();

  /** M-room-for-requests: a chain that finds no room on the edge is never made available. */
  readonly #waits: boolean;

  constructor(index: number, edge: EdgePort<GuestToVmm, VmmToGuest>, waits = true) {
    this.index = index;
    this.#waits = waits;
    this.#edge = edge;
    for (let head = QUEUE_SIZE - 1; head >= 0; head--) this.#freeHeads.push(head);
  }

  get freeCount(): number {
    return this.#freeHeads.length;
  }

  /** Makes a chain available; waits while the queue or the edge is full. `claim` learns the head before the device can use it. "broken": the edge is gone. */
  async add(readable: Uint8Array, writableLength: number, claim?: (head: number) => void): Promise<number | "broken"> {
    await this.#room.until(() => this.#freeHeads.length > 0 || this.#edge.broken);
    const head = this.#freeHeads.pop();
    if (head === undefined) return "broken";
    this.#inFlight.add(head);
    claim?.(head);
    for (;;) {
      const sent = this.#edge.send({ kind: "available", queue: this.index, head, readable, writableLength });
      if (sent === "sent" || (sent === "full" && !this.#waits)) return head;
      if (sent === "broken") return "broken";
      await this.#edge.writable();
    }
  }

  /** A used element arrived. False: the device used a head that it does not own; it is ignored. */
  push(element: UsedElement): boolean {
    if (!this.#inFlight.delete(element.head)) return false;
    this.#used.push(element);
    return true;
  }

  /** Takes the oldest used element; its head can be added again. */
  take(): UsedElement | null {
    const element = this.#used.shift();
    if (!element) return null;
    this.#freeHeads.push(element.head);
    this.#room.wake();
    return element;
  }
}
