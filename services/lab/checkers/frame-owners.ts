import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";
import { endpointOf } from "./naming.ts";

/** What tells whose an endpoint is. */
export const GUEST_EVENTS = ["guest.attach-table", "guest.bind"] as const;
/** What frame owners are read from. */
export const OWNER_EVENTS = [...GUEST_EVENTS, "guest.frame-freed", "guest.frame-taken", "lab.part"] as const;

const isUse = ({ kind }: TraceEvent): boolean => kind === "guest.attach-table" || kind === "guest.bind";

/** Endpoint -> guest, from what the guest itself did with the endpoint. */
export function guestsOf(history: readonly TraceEvent[]): Map<string, string> {
  const guests = new Map<string, string>();
  for (const event of history) if (isUse(event)) guests.set(endpointOf(event), event.who);
  return guests;
}

/** The frame was freed by this change of hands; else it was taken. */
export const isFree = (change: TraceEvent): boolean => change.kind === "guest.frame-freed";

/**
 * Who owns what, by the owner words of design.md, section 3: each change of hands gives a frame a new epoch of its guest, and each DMA copies the epoch it met.
 * Epochs are judged over the whole history, not up to an access: an access is stamped after the word was read, so its event may come before that of the change.
 * A guest kernel that starts again counts its epochs from the beginning: those of each life are kept apart.
 */
export class FrameOwners {
  readonly #guests = new Map<string, string>();
  /** By guest. */
  readonly #lives = new Map<string, Lives>();

  constructor(history: readonly TraceEvent[]) {
    for (const event of history) {
      if (isUse(event)) this.#guests.set(endpointOf(event), event.who);
      else if (event.kind === "guest.frame-taken" || event.kind === "guest.frame-freed") this.#livesOf(event.who).add(event);
      else if (event.kind === "lab.part" && event.fields.did === "start") this.#livesOf(String(event.fields.part)).begin(event);
    }
  }

  /** The guest that uses an endpoint; undefined: none does. */
  guestOf(event: TraceEvent): string | undefined {
    return this.#guests.get(endpointOf(event));
  }

  /** The change of hands, `guest.frame-taken` or `guest.frame-freed`, that gave the frame the epoch that a DMA met. */
  changeOf(access: TraceEvent): TraceEvent | undefined {
    const guest = this.guestOf(access);
    return guest === undefined ? undefined : this.#lives.get(guest)?.changeAt(access);
  }

  /** The same of a walk, whose event names no endpoint: known where the history has one guest alone. */
  changeOfWalked(walk: TraceEvent): TraceEvent | undefined {
    const guests = new Set(this.#guests.values());
    return guests.size === 1 ? this.#lives.get([...guests][0])?.changeAt(walk) : undefined;
  }

  #livesOf(guest: string): Lives {
    const known = this.#lives.get(guest);
    if (known) return known;
    const lives = new Lives();
    this.#lives.set(guest, lives);
    return lives;
  }
}

/** What one guest did with its frames, by the lives of its kernel and by epoch. */
class Lives {
  readonly #starts: number[] = [];
  readonly #changes: Map<TraceValue, TraceEvent>[] = [new Map()];

  begin({ n }: TraceEvent): void {
    this.#starts.push(n);
    this.#changes.push(new Map());
  }

  /** In the order of the history. */
  add(change: TraceEvent): void {
    this.#changes[this.#changes.length - 1].set(change.fields.epoch, change);
  }

  changeAt({ n, fields }: TraceEvent): TraceEvent | undefined {
    let life = this.#starts.length;
    while (life > 0 && this.#starts[life - 1] >= n) life--;
    return this.#changes[life].get(fields.guestEpoch);
  }
}
