import type { Execution } from "@faultline/shared/execution/execution.ts";
import { HeldLocks } from "@faultline/shared/execution/mutex.ts";

/** An `Execution` for unit tests: virtual nanoseconds that pass only in sleeps and polls; tasks interleave at macrotasks. */
export class TaskExecution implements Execution {
  readonly locks = new HeldLocks();
  /** Points that a test holds: the task waits for the promise. */
  readonly held = new Map<string, Promise<void>>();
  readonly spawned: Promise<void>[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  async sleep(ns: number): Promise<void> {
    this.#now += ns;
    await turn();
  }

  timer(ns: number, expired: () => void): { cancel(): void } {
    let cancelled = false;
    void this.sleep(ns).then(() => cancelled || expired());
    return { cancel: () => void (cancelled = true) };
  }

  spawn(_name: string, task: () => Promise<void>): void {
    this.spawned.push(task());
  }

  async poll(condition: () => boolean, timeoutNs: number): Promise<boolean> {
    for (let waited = 0; waited <= timeoutNs; waited += timeoutNs / 50) {
      if (condition()) return true;
      await this.sleep(timeoutNs / 50);
    }
    return false;
  }

  point(id: string): Promise<void> | undefined {
    return this.held.get(id);
  }
}

/** One macrotask: every chain of promises that can run has run. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}
