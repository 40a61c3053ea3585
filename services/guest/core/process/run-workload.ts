import { hex } from "@faultline/shared/codec/uint64.ts";
import type { QueueResult, Workload, WorkloadResult } from "@faultline/shared/linux/workload.ts";
import type { AcceleratorDriver } from "../device-driver/accelerator.ts";
import type { File } from "../mm/file-system.ts";
import { type FileRun, type Output, runFile } from "./run-file.ts";
import { endProcess, type ProcessPorts, startProcess, type UserProcess } from "./user-process.ts";

/** A copy by one queue. */
const COPY_CHUNK_BYTES = 2 * 2 ** 20;
const PAGE = 4096;

/** Where one process after the other runs: a queue of a function. `number` counts over all functions. */
export interface Slot {
  driver: AcceleratorDriver;
  number: number;
}

/** `queues` slots on each function, or a sentence. `first` and `endpoints` as in Workload. */
export function slotsOf(drivers: ReadonlyMap<number, AcceleratorDriver>, { endpoint, endpoints = 1, queues = 1 }: Workload): Slot[] | string {
  const all = [...drivers.keys()];
  if (all.length === 0) return "no accelerator is assigned to this guest";
  const from = endpoint === undefined ? 0 : all.indexOf(endpoint);
  if (from < 0) return `no accelerator at endpoint ${hex(endpoint!)}`;
  if (from + endpoints > all.length) return `${endpoints} accelerators from endpoint ${hex(all[from])} on are wanted, ${all.length - from} are assigned to this guest`;
  const used = all.slice(from, from + endpoints);
  return used.flatMap((bdf) => Array.from({ length: queues }, () => drivers.get(bdf)!)).map((driver, number) => ({ driver, number }));
}

/**
 * The workload's operation over one file by every slot at once, all bound before the first begins, each with a process and a PASID of its own. Half of RAM is for the sources and destinations of copies.
 * `ok`: every queue is, with one and the same output.
 */
export async function runFileWorkload(
  ports: ProcessPorts,
  slots: readonly Slot[],
  file: File,
  workload: Workload,
  progress: (bytesDone: number) => void,
): Promise<WorkloadResult> {
  const share = Math.floor((ports.mm.frames.total * PAGE) / 4 / slots.length / PAGE) * PAGE;
  const copyChunkBytes = slots.length === 1 ? COPY_CHUNK_BYTES : Math.min(COPY_CHUNK_BYTES, Math.max(PAGE, share));
  const done = slots.map(() => 0);
  const report = (slot: Slot) => (bytesDone: number) => {
    done[slot.number] = bytesDone;
    progress(Math.min(...done));
  };
  const started = await Promise.all(slots.map(({ driver, number }) => startProcess(ports, driver, `process ${number} ${workload.operation}`, workload)));
  const queues = await Promise.all(slots.map((slot, i) => runFileProcess(slot, started[i], { file, workload, copyChunkBytes }, report(slot))));
  return summed(workload, file.size, queues);
}

async function runFileProcess(
  { driver }: Slot,
  user: UserProcess | string,
  run: Omit<FileRun, "user" | "jobs">,
  progress: (bytesDone: number) => void,
): Promise<QueueResult> {
  if (typeof user === "string") return queueResult(driver, { queue: -1, pasid: 0 }, { ok: false, error: user }, 0, 0);
  const { index, pasid } = user.queue;
  const fileRun: FileRun = { ...run, user, jobs: 0 };
  const outcome = await runFile(fileRun, progress);
  const faultsHandled = driver.endpoint.tally(pasid).handled;
  await endProcess(user, outcome.ok);
  return queueResult(driver, { queue: index, pasid }, outcome, fileRun.jobs, faultsHandled);
}

export const queueResult = (driver: AcceleratorDriver, ids: { queue: number; pasid: number }, outcome: Output, jobs: number, faultsHandled: number): QueueResult => ({
  ok: outcome.ok,
  ...(outcome.ok ? {} : { error: outcome.error }),
  endpoint: driver.endpoint.id,
  ...ids,
  output: outcome.ok ? outcome.output : new Uint8Array(0),
  jobs,
  faultsHandled,
});

/** Counts added up; the first error. Equal outputs become one array. */
export function summed(workload: Workload, inputBytes: number, queues: QueueResult[]): WorkloadResult {
  const [first] = queues;
  for (const queue of queues) if (equal(queue.output, first.output)) queue.output = first.output;
  const other = queues.find(({ output }) => output !== first.output);
  const error =
    queues.find(({ ok }) => !ok)?.error ??
    (other
      ? `the output of endpoint ${hex(other.endpoint)}, PASID ${other.pasid}, queue ${other.queue} differs from that of endpoint ${hex(first.endpoint)}`
      : undefined);
  return {
    ok: error === undefined,
    ...(error === undefined ? {} : { error }),
    operation: workload.operation,
    inputBytes,
    output: error === undefined ? first.output : new Uint8Array(0),
    jobs: queues.reduce((sum, { jobs }) => sum + jobs, 0),
    faultsHandled: queues.reduce((sum, { faultsHandled }) => sum + faultsHandled, 0),
    queues,
  };
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]));
