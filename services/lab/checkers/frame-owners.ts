import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { endpointOf } from "./naming.ts";

/** What frame owners are read from. */
export const OWNER_EVENTS = ["guest.attach-table", "guest.bind", "guest.frame-freed", "guest.frame-taken"] as const;

/** What happened to frames under an epoch: taken or freed, by whom and when. */
export interface FrameChange {
  event: TraceEvent;
  state: "taken" | "freed";
}

/**
 * Who owns what, by the owner words of design.md, section 3: each change of hands gives a frame a new epoch of its guest, and each DMA copies the epoch it met.
 * Epochs are judged over the whole history, not up to an access: an access is stamped after the word was read, so its event may come before that of the change.
 */
export class FrameOwners {
  /** Per guest and epoch. */
  readonly #changes = new Map<string, FrameChange>();
  /** Endpoint -> guest, from what the guest itself did with the endpoint. */
  readonly #guests = new Map<string, string>();

  constructor(history: readonly TraceEvent[]) {
    for (const event of history) {
      if (event.kind === "guest.frame-taken") this.#changes.set(`${event.who}/${event.fields.epoch}`, { event, state: "taken" });
      else if (event.kind === "guest.frame-freed") this.#changes.set(`${event.who}/${event.fields.epoch}`, { event, state: "freed" });
      else if (event.kind === "guest.attach-table" || event.kind === "guest.bind") this.#guests.set(endpointOf(event), event.who);
    }
  }

  /** The guest that uses an endpoint; undefined: none does. */
  guestOf(event: TraceEvent): string | undefined {
    return this.#guests.get(endpointOf(event));
  }

  /** The change of hands that gave the frame the epoch that a DMA met. */
  changeOf(access: TraceEvent): FrameChange | undefined {
    return this.#changes.get(`${this.guestOf(access)}/${access.fields.guestEpoch}`);
  }
}
