import type { ArmedFaults } from "@faultline/shared/lab/armed-faults.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Part } from "../supervisor/parts.ts";
import type { SimExecution } from "./execution.ts";

/** Whether a part of the simulated machine runs. What is due for it waits, in order, while it is paused, and is lost once it is off. */
export class Power {
  #state: "on" | "paused" | "off" = "on";
  #waiting: (() => void)[] = [];
  readonly #soon: (run: () => void) => void;
  #gone: () => void = () => {};
  /** Resolves when the part is off. */
  readonly gone = new Promise<void>((resolve) => (this.#gone = resolve));

  /** `soon`: a later event of the scheduler. */
  constructor(soon: (run: () => void) => void) {
    this.#soon = soon;
  }

  get on(): boolean {
    return this.#state !== "off";
  }
  get paused(): boolean {
    return this.#state === "paused";
  }

  /** Something is due for the part. */
  run(action: () => void): void {
    if (this.#state === "off") return;
    // What came while it was paused is first.
    if (this.#state === "paused" || this.#waiting.length > 0) this.#waiting.push(action);
    else action();
  }

  pause(): void {
    if (this.#state === "on") this.#state = "paused";
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "on";
    if (this.#waiting.length > 0) this.#soon(() => this.#next());
  }

  off(): void {
    this.#state = "off";
    this.#waiting = [];
    this.#gone();
  }

  #next(): void {
    if (this.#state !== "on") return;
    this.#waiting[0]?.();
    this.#waiting.shift();
    if (this.#waiting.length > 0) this.#soon(() => this.#next());
  }
}

/** A part as it runs: one per start, so that what a killed one left behind reaches nobody. */
export interface SimPart extends Part {
  power: Power;
  tracer: Tracer;
  lamport: { value: number };
  faults: ArmedFaults;
  execution: SimExecution;
}
