import type { Execution } from "@faultline/shared/execution/execution.ts";
import { HeldLocks } from "@faultline/shared/execution/mutex.ts";
import type { ArmedPoints } from "@faultline/shared/lab/armed-points.ts";
import type { Power } from "./part.ts";
import type { Points } from "./points.ts";
import type { Scheduler } from "./scheduler.ts";

/** The CPUs of one simulated service: virtual time, and every task started by the scheduler. Nothing runs on them while the part is paused or when it is gone. */
export class SimExecution implements Execution {
  readonly locks = new HeldLocks();
  readonly #scheduler: Scheduler;
  readonly #points: Points;
  readonly #power: Power;
  readonly #rules: ArmedPoints;
  /** A task ended with an error. */
  readonly #failed = (error: unknown): void => {
    if (this.#power.on) this.#scheduler.fail(error);
  };

  constructor(scheduler: Scheduler, points: Points, power: Power, rules: ArmedPoints) {
    this.#rules = rules;
    this.#scheduler = scheduler;
    this.#points = points;
    this.#power = power;
  }

  now(): number {
    return this.#scheduler.now();
  }

  sleep(ns: number): Promise<void> {
    return new Promise((resolve) => this.#scheduler.after(ns, () => this.#power.run(resolve)));
  }

  timer(ns: number, expired: () => void): { cancel(): void } {
    let cancelled = false;
    const due = this.#scheduler.after(ns, () => this.#power.run(() => cancelled || expired()));
    return {
      cancel() {
        cancelled = true;
        due.cancel();
      },
    };
  }

  spawn(_name: string, task: () => Promise<void>): void {
    const start = () => void task().catch(this.#failed);
    this.#scheduler.after(0, () => this.#power.run(start));
  }

  poll(condition: () => boolean, timeoutNs: number): Promise<boolean> {
    return new Promise((resolve) => void this.#scheduler.poll(condition, timeoutNs).then((holds) => this.#power.run(() => resolve(holds))));
  }

  point(id: string, fields?: Record<string, unknown>): Promise<void> | undefined {
    const held = this.#points.reach(id, fields) ?? (this.#rules.armed ? this.#rules.reach(id, fields ?? {}) : undefined);
    return held && new Promise((resolve) => void held.then(() => this.#power.run(resolve)));
  }
}
