import type { EventName } from "@faultline/shared/arm-smmu-v3/event-record.ts";

/** Why a transaction did not go through, under the name of the event that describes it. Arm IHI 0070 G.b, 7.3. */
export interface Fault {
  event: EventName;
  /** Stage-2 fault. */
  s2: boolean;
  /** CLASS: 0 CD, 1 TT, 2 IN. */
  class: 0 | 1 | 2;
  /** Faulting IPA of a stage-2 fault, a number below 2^52; 0 otherwise. */
  ipa: number;
  /** FetchAddr of the fetch events. */
  fetchAddr: number;
  /** F_PERMISSION with CLASS = TT: 1 read of the descriptor, 0 write by HTTU. */
  ttRnW: 0 | 1;
  /** Silent: Config = 0xx aborts without an event (5.2). */
  silent: boolean;
}

export function fault(event: EventName, more: Partial<Omit<Fault, "event">> = {}): Fault {
  return { event, s2: false, class: 2, ipa: 0, fetchAddr: 0, ttRnW: 1, silent: false, ...more };
}

export const isFault = (value: unknown): value is Fault => typeof value === "object" && value !== null && "event" in value;

/** F_TRANSLATION, F_ADDR_SIZE, F_ACCESS, F_PERMISSION: the four that CD.A/R/S and STE.S2R/S2S govern (7.3 and 5.5). */
export const isTranslationFault = ({ event }: Fault): boolean => event === "F_TRANSLATION" || event === "F_ADDR_SIZE" || event === "F_ACCESS" || event === "F_PERMISSION";

/** What kind of access is being translated. */
export interface Access {
  write: boolean;
  priv: boolean;
  exec: boolean;
}
