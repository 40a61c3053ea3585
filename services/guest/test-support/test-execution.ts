import type { Execution } from "@faultline/shared/execution/execution.ts";
import { HeldLocks } from "@faultline/shared/execution/mutex.ts";

/** Virtual time for unit tests: it moves only in `advance`. Tasks run on the microtask queue. */
export class TestExecution implements Execution {
  readonly locks = new HeldLocks();
  #now = 0;
  #timers: { at: number; fire: () => void }[] = [];
  readonly failures: unknown[] = [];
  /** Points to hold: id to the promise that releases it. */
  readonly held = new Map<string, Promise<void>>();
  readonly passed: string[] = [];

  now(): number {
    return this.#now;
  }
  sleep(ns: number): Promise<void> {
    return new Promise((resolve) => this.timer(ns, resolve));
  }
  timer(ns: number, expired: () => void): { cancel(): void } {
    const entry = { at: this.#now + ns, fire: expired };
    this.#timers.push(entry);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== entry)) };
  }
  spawn(_name: string, task: () => Promise<void>): void {
    task().catch((error: unknown) => this.failures.push(error));
  }
  async poll(condition: () => boolean): Promise<boolean> {
    return condition();
  }
  point(id: string): Promise<void> | undefined {
    this.passed.push(id);
    return this.held.get(id);
  }
  /** Fires the next timer; false: there is none. */
  advance(): boolean {
    const next = this.#timers.sort((a, b) => a.at - b.at).shift();
    if (!next) return false;
    this.#now = Math.max(this.#now, next.at);
    next.fire();
    return true;
  }
}

/** Lets everything that can run do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs until `promise` resolves, moving virtual time whenever nothing else happens. */
export async function complete<T>(execution: TestExecution, promise: Promise<T>): Promise<T> {
  let done = false;
  const watched = promise.finally(() => (done = true));
  for (let idle = 0; !done && idle < 1000; ) {
    await settle();
    if (done) break;
    idle = execution.advance() ? 0 : idle + 1;
  }
  if (execution.failures.length > 0) throw execution.failures[0];
  if (!done) throw new Error("nothing can run any more and the promise is pending");
  return watched;
}
