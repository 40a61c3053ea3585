import type { EdgePort } from "@faultline/shared/edge/envelope.ts";
import type { GuestToVmm, VmmToGuest } from "@faultline/shared/edge/virtio.ts";

type Edge = EdgePort<VmmToGuest, GuestToVmm>;

/** The VMM's end of a guest's edge: what finds no credit waits here, in order. A used element is never lost and never overtaken. */
export class GuestEdge {
  readonly #edge: Edge;
  #backlog: VmmToGuest[] = [];
  /** M-room-for-events: what finds no credit is lost. */
  readonly #waits: boolean;

  constructor(edge: Edge, waits = true) {
    this.#edge = edge;
    this.#waits = waits;
  }

  reply(seq: number, body: VmmToGuest): void {
    this.#edge.reply(seq, body);
  }

  send(body: VmmToGuest): void {
    if (this.#backlog.length > 0) this.#backlog.push(body);
    else if (this.#edge.send(body) === "full" && this.#waits) {
      this.#backlog.push(body);
      void this.#drain();
    }
  }

  async #drain(): Promise<void> {
    while (this.#backlog.length > 0) {
      await this.#edge.writable();
      const sent = this.#edge.send(this.#backlog[0]);
      if (sent === "broken")
        this.#backlog = []; // the guest is gone
      else if (sent === "sent") this.#backlog.shift();
    }
  }
}
