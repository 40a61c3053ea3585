import type { LabClient } from "@faultline/shared/shell/lab-client.ts";
import type { StartRules } from "@faultline/shared/shell/start-rules.ts";

/** What can be done to the parts of a machine as a whole. A way of running that owns its parts gives one. */
export interface PartControl {
  /** The part runs, or is paused. */
  alive(part: string): boolean;
  /** From now on the loss of these parts is no failure of the run. */
  expectLoss(parts: readonly string[]): void;
  /** It is one again: what threatened them is over. */
  expectLife(parts: readonly string[]): void;
  /** Calls back when a part is gone, expected or not. */
  onGone(gone: (part: string) => void): void;
  kill(part: string): Promise<void>;
  pause(part: string): Promise<void>;
  resume(part: string): Promise<void>;
  /** A network between the parts, which can be taken away from one of them, both ways; null: there is none. */
  readonly network: PartNetwork | null;
  /** Starts a part that is off, with the rules of the run armed; its lower one runs. Resolves with its client once it is ready. */
  start(part: string, rules: StartRules): Promise<LabClient>;
}

export interface PartNetwork {
  cut(part: string): Promise<void>;
  join(part: string): Promise<void>;
  /** A new client of a part that runs and was cut off: the old one's connection is dead. */
  reconnect(part: string): Promise<LabClient>;
}
