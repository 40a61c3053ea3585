/** What a guest's user processes do with the accelerator (interfaces.md, section 10): one operation over a file by every queue, or a program drawn from a seed. */
export interface Workload {
  operation: "copy" | "crc32c" | "sha256" | "gzip";
  /** Name of one of the files streamed with it; a program uses none. */
  file: string;
  /** Page requests that the device puts in one group, 1 to 64. */
  pagesPerGroup: number;
  /** SUCCESS responses of no use after which the device gives a page up (RETRY_LIMIT of the data sheet). Default: the driver's choice. */
  retryLimit?: number;
  /** The driver resets the function when a job takes longer. */
  jobTimeoutNs: number;
  /** BDF of the first assigned function used; default: the VM's first. */
  endpoint?: number;
  /** Assigned functions used, from that one on in the order of the VM's list. Default 1. */
  endpoints?: number;
  /** Queues used of each function, 1 to 8, each with its own process and PASID. Default 1. */
  queues?: number;
  /** Instead of `operation` over `file`. */
  program?: Program;
}

/** Operations of the accelerator whose outcome a process can check by itself. */
export type ProgramOperation = "nop" | "copy" | "fill" | "crc32c" | "sha256" | "gzip" | "compare";

/**
 * Processes that bind, run jobs drawn from `seed`, and end. The queues of the workload are slots: the processes of one slot run one after the other, so that queues, ASIDs
 * and PASIDs pass from hand to hand. Shares are from 0 to 1.
 */
export interface Program {
  processes: number;
  /** Size of a job's source, 1 to 256. */
  pages: number;
  /** Jobs of one process. */
  jobs: number;
  /** Weight of each operation; operations that are not named are not used. */
  mix: Partial<Record<ProgramOperation, number>>;
  /** Share of the jobs whose destination is unmapped while the device works. */
  munmap: number;
  /** Share of the processes that unbind while the device works. */
  unbind: number;
  /** Share of the processes that exit while the device works, without unbind. */
  exit: number;
  seed: number;
}

/** One process on one queue. */
export interface QueueResult {
  ok: boolean;
  error?: string;
  /** BDF. */
  endpoint: number;
  queue: number;
  pasid: number;
  /** As in WorkloadResult; equal outputs of several queues are one array. */
  output: Uint8Array;
  jobs: number;
  faultsHandled: number;
}

export interface WorkloadResult {
  /** Every queue is, and all have the same output. */
  ok: boolean;
  /** Why not: one sentence that names endpoint, PASID and queue where they matter. */
  error?: string;
  operation: Workload["operation"];
  inputBytes: number;
  /** Digest bytes, the crc in little-endian order, or the output data: of the first queue, and so of every one. Empty after a program. */
  output: Uint8Array;
  /** Of all queues together. */
  jobs: number;
  /** Page requests of the device that the guest's mm resolved, of all queues together. */
  faultsHandled: number;
  /** Of one operation over a file in the order of endpoints and queues; of a program in the order of processes. */
  queues: QueueResult[];
}
