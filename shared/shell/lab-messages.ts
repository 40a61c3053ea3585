import type { Workload as WireWorkload, Workload__Output } from "../gen/types/lab/v1/Workload.ts";
import type { WorkloadResult as WireResult, WorkloadResult__Output } from "../gen/types/lab/v1/WorkloadResult.ts";
import type { Workload, WorkloadResult } from "../linux/workload.ts";

/** Bytes of one piece of a file or of an output on a lab stream. */
export const PIECE = 2 ** 20;

export function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at === 0 || at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

/** Joins pieces; a single one is not copied. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return new Uint8Array(parts[0].buffer, parts[0].byteOffset, parts[0].length);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export function workloadToWire(workload: Workload): WireWorkload {
  const { endpoint, ...rest } = workload;
  return { ...rest, hasEndpoint: endpoint !== undefined, endpoint };
}

export function workloadFromWire({
  operation,
  file,
  pagesPerGroup,
  jobTimeoutNs,
  retryLimit,
  hasEndpoint,
  endpoint,
  endpoints,
  queues,
  program,
}: Workload__Output): Workload {
  return {
    operation: operation as Workload["operation"],
    file,
    pagesPerGroup,
    jobTimeoutNs,
    ...(retryLimit ? { retryLimit } : {}),
    ...(hasEndpoint ? { endpoint } : {}),
    ...(endpoints ? { endpoints } : {}),
    ...(queues ? { queues } : {}),
    ...(program ? { program } : {}),
  };
}

/** The result and, apart from it, its different outputs, whose bytes are sent one behind the other. */
export function resultToWire({ output, queues, error, ...rest }: WorkloadResult): { result: WireResult; outputs: Uint8Array[] } {
  const outputs = [output];
  const starts = new Map([[output, 0]]);
  let end = output.length;
  for (const { output: other } of queues) {
    if (starts.has(other)) continue;
    starts.set(other, end);
    outputs.push(other);
    end += other.length;
  }
  const wire = queues.map(({ output: own, ...queue }) => ({ ...queue, error: queue.error ?? "", outputFrom: starts.get(own), outputBytes: own.length }));
  return { result: { ...rest, error: error ?? "", queues: wire, outputBytes: output.length }, outputs };
}

/** `bytes`: all outputs, as they came. */
export function resultFromWire({ error, operation, queues, outputBytes, ...rest }: WorkloadResult__Output, bytes: Uint8Array): WorkloadResult {
  const output = bytes.subarray(0, outputBytes);
  const part = (from: number, length: number) => (from === 0 && length === outputBytes ? output : bytes.subarray(from, from + length));
  return {
    ...rest,
    ...(error ? { error } : {}),
    operation: operation as Workload["operation"],
    output,
    queues: queues.map(({ error: why, outputFrom, outputBytes: length, ...queue }) => ({ ...queue, ...(why ? { error: why } : {}), output: part(outputFrom, length) })),
  };
}
