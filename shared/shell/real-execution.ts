import type { Execution } from "../execution/execution.ts";
import { HeldLocks } from "../execution/mutex.ts";
import type { ArmedPoints } from "../lab/armed-points.ts";

/** Turns of the event loop that a poll looks again at once; then every millisecond. */
const EAGER_LOOKS = 8;
const BACK_OFF_MS = 1;

interface Poller {
  condition: () => boolean;
  resolve: (holds: boolean) => void;
  deadline: number;
  looks: number;
  done: boolean;
}

/** The CPUs of a process: the event loop and a monotonic clock. */
export class RealExecution implements Execution {
  readonly locks = new HeldLocks();
  readonly #start = process.hrtime.bigint();
  readonly #pollers = new Set<Poller>();
  readonly #points: Pick<ArmedPoints, "armed" | "reach"> | null;

  /** `points`: what the lab has armed at the points of this process. */
  constructor(points: Pick<ArmedPoints, "armed" | "reach"> | null = null) {
    this.#points = points;
  }

  now(): number {
    return Number(process.hrtime.bigint() - this.#start);
  }

  sleep(ns: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ns / 1e6));
  }

  timer(ns: number, expired: () => void): { cancel(): void } {
    const timer = setTimeout(() => {
      expired();
      this.wake();
    }, ns / 1e6);
    return { cancel: () => clearTimeout(timer) };
  }

  /** A rejection is a bug of ours: it becomes the process' uncaught exception. */
  spawn(name: string, task: () => Promise<void>): void {
    task().catch((error: Error) => {
      setImmediate(() => {
        throw new Error(`task ${name}: ${error.message}`, { cause: error });
      });
    });
  }

  poll(condition: () => boolean, timeoutNs: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const poller: Poller = { condition, resolve, deadline: this.now() + timeoutNs, looks: 0, done: false };
      this.#pollers.add(poller);
      this.#lookLater(poller);
    });
  }

  /** Something was delivered: what tasks poll for may hold now. */
  wake(): void {
    for (const poller of this.#pollers) this.#look(poller);
  }

  point(id: string, fields: Record<string, unknown> = {}): Promise<void> | undefined {
    return this.#points?.armed ? this.#points.reach(id, fields) : undefined;
  }

  #lookLater(poller: Poller): void {
    const look = () => {
      if (poller.done) return;
      this.#look(poller);
      if (!poller.done) this.#lookLater(poller);
    };
    if (poller.looks++ < EAGER_LOOKS) setImmediate(look);
    else setTimeout(look, BACK_OFF_MS);
  }

  #look(poller: Poller): void {
    const holds = poller.condition();
    if (!holds && this.now() < poller.deadline) return;
    poller.done = true;
    this.#pollers.delete(poller);
    poller.resolve(holds);
  }
}
