import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { endpointOf } from "./naming.ts";

/** What frame owners are read from. */
export const OWNER_EVENTS = ["guest.attach-table", "guest.bind", "guest.frame-freed", "guest.frame-taken", "lab.part"] as const;

/** What happened to frames under an epoch: taken or freed, by whom and when. */
export interface FrameChange {
  event: TraceEvent;
  state: "taken" | "freed";
}

/**
 * Who owns what, by the owner words of design.md, section 3: each change of hands gives a frame a new epoch of its guest, and each DMA copies the epoch it met.
 * Epochs are judged over the whole history, not up to an access: an access is stamped after the word was read, so its event may come before that of the change.
 * A guest kernel that starts again counts its epochs from the beginning: those of each life are kept apart.
 */
export class FrameOwners {
  /** Per guest, life and epoch. */
  readonly #changes = new Map<string, FrameChange>();
  /** Where each life of a guest begins. */
  readonly #starts = new Map<string, number[]>();
  /** Endpoint -> guest, from what the guest itself did with the endpoint. */
  readonly #guests = new Map<string, string>();

  constructor(history: readonly TraceEvent[]) {
    for (const { kind, fields, n } of history) {
      if (kind === "lab.part" && fields.did === "start") this.#starts.set(String(fields.part), [...(this.#starts.get(String(fields.part)) ?? []), n]);
    }
    for (const event of history) {
      if (event.kind === "guest.frame-taken") this.#changes.set(this.#key(event.who, event), { event, state: "taken" });
      else if (event.kind === "guest.frame-freed") this.#changes.set(this.#key(event.who, event), { event, state: "freed" });
      else if (event.kind === "guest.attach-table" || event.kind === "guest.bind") this.#guests.set(endpointOf(event), event.who);
    }
  }

  /** The guest that uses an endpoint; undefined: none does. */
  guestOf(event: TraceEvent): string | undefined {
    return this.#guests.get(endpointOf(event));
  }

  /** The change of hands that gave the frame the epoch that a DMA met. */
  changeOf(access: TraceEvent): FrameChange | undefined {
    return this.#changes.get(this.#key(this.guestOf(access), access));
  }

  /** The same of a walk, whose event names no endpoint: known where the history has one guest alone. */
  changeOfWalked(walk: TraceEvent): FrameChange | undefined {
    const guests = new Set(this.#guests.values());
    return guests.size === 1 ? this.#changes.get(this.#key([...guests][0], walk)) : undefined;
  }

  #key(guest: string | undefined, { n, fields }: TraceEvent): string {
    const starts = guest === undefined ? undefined : this.#starts.get(guest);
    const life = starts ? starts.filter((start) => start < n).length : 0;
    return `${guest}/${life}/${fields.epoch ?? fields.guestEpoch}`;
  }
}
