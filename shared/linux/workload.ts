/** What a guest's user process does with the accelerator (interfaces.md, section 10). */
export interface Workload {
  operation: "copy" | "crc32c" | "sha256" | "gzip";
  /** Name of one of the files streamed with it. */
  file: string;
  /** Page requests that the device puts in one group, 1 to 64. */
  pagesPerGroup: number;
  /** The driver resets the function when a job takes longer. */
  jobTimeoutNs: number;
  /** BDF of the assigned function; default: the VM's first. */
  endpoint?: number;
}

export interface WorkloadResult {
  ok: boolean;
  /** Why not: one sentence that names endpoint, PASID and queue where they matter. */
  error?: string;
  operation: Workload["operation"];
  inputBytes: number;
  /** Digest bytes, the crc in little-endian order, or the output data. */
  output: Uint8Array;
  jobs: number;
  /** Page requests of the device that the guest's mm resolved. */
  faultsHandled: number;
}
