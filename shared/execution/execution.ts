import type { HeldLocks } from "./mutex.ts";

/**
 * What a kernel or a VMM needs of the CPUs it runs on (design.md, section 4). In a process it is the event loop and a real
 * clock, in the simulation the one scheduler with virtual time. Code awaits only where the real one sleeps or is preempted.
 */
export interface Execution {
  /** Every lock that its tasks hold. */
  readonly locks: HeldLocks;
  /** Nanoseconds since the start of the run. */
  now(): number;
  /** Resolves after `ns` nanoseconds. */
  sleep(ns: number): Promise<void>;
  /** Calls `expired` after `ns` unless cancelled first. */
  timer(ns: number, expired: () => void): { cancel(): void };
  /** Starts a task (a kernel thread, a work item, a process). Its rejection is a bug of ours and ends the service. */
  spawn(name: string, task: () => Promise<void>): void;
  /** Busy wait on a condition over memory or state; true when it holds, false after `timeoutNs`. Costs time, never starves other agents. */
  poll(condition: () => boolean, timeoutNs: number): Promise<boolean>;
  /** A named point (points.ts). Undefined when nothing is armed there; else resolves when the lab lets the task go on. */
  point(id: string, fields?: Record<string, unknown>): Promise<void> | undefined;
}
