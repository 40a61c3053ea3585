import type { Execution } from "@faultline/shared/execution/execution.ts";
import type { Points } from "./points.ts";
import type { Scheduler } from "./scheduler.ts";

/** The CPUs of one simulated service: virtual time, and every task started by the scheduler. */
export class SimExecution implements Execution {
  readonly #scheduler: Scheduler;
  readonly #points: Points;

  constructor(scheduler: Scheduler, points: Points) {
    this.#scheduler = scheduler;
    this.#points = points;
  }

  now(): number {
    return this.#scheduler.now();
  }

  sleep(ns: number): Promise<void> {
    return this.#scheduler.sleep(ns);
  }

  timer(ns: number, expired: () => void): { cancel(): void } {
    return this.#scheduler.after(ns, expired);
  }

  spawn(_name: string, task: () => Promise<void>): void {
    this.#scheduler.after(0, () => {
      task().catch((error) => this.#scheduler.fail(error));
    });
  }

  poll(condition: () => boolean, timeoutNs: number): Promise<boolean> {
    return this.#scheduler.poll(condition, timeoutNs);
  }

  point(id: string, fields?: Record<string, unknown>): Promise<void> | undefined {
    return this.#points.reach(id, fields);
  }
}
