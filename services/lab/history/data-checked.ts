import type { QueueResult, Workload } from "@faultline/shared/linux/workload.ts";
import { verify } from "../demo/verify.ts";
import type { DataChecked } from "./final-state.ts";

const hexOf = (bdf: number): string => `0x${bdf.toString(16)}`;

/** Each queue's result, compared with what this machine computes from the same input. A job that failed wrote nothing that was promised. A program's processes compare for themselves. */
export function checkData(
  workload: Pick<Workload, "operation" | "program">,
  input: Uint8Array,
  queues: readonly Pick<QueueResult, "ok" | "endpoint" | "queue" | "output">[],
): DataChecked[] {
  if (workload.program) return [];
  return queues
    .filter(({ ok }) => ok)
    .map(({ endpoint, queue, output }) => {
      const { digest, error } = verify(workload.operation, input, output);
      return { what: `${workload.operation} of endpoint ${hexOf(endpoint)}, queue ${queue}`, actual: digest, expected: error === null ? digest : expectedOf(error) };
    });
}

/** "sha256 is bb, expected aa" names the digest; gzip says that its output is not the input. */
const expectedOf = (error: string): string => error.match(/, expected (\S+)$/)?.[1] ?? `other data (${error})`;
