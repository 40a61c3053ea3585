import { describe, expect, it } from "vitest";
import type { Workload, WorkloadResult } from "../linux/workload.ts";
import { joined, resultFromWire, resultToWire, workloadFromWire, workloadToWire } from "./lab-messages.ts";
import { protoService } from "./protos.ts";

const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } = protoService("lab").RunWorkload;
const overWire = (workload: Workload): Workload =>
  workloadFromWire((requestDeserialize(requestSerialize({ workload: workloadToWire(workload) })) as { workload: never }).workload);

describe("a workload on lab/v1", () => {
  const plain: Workload = { operation: "gzip", file: "input", pagesPerGroup: 8, jobTimeoutNs: 120e9 };
  const program = { processes: 12, pages: 16, jobs: 3, mix: { copy: 2.5, sha256: 1 }, munmap: 0.25, unbind: 0.5, exit: 0.125, seed: 2 ** 32 - 1 };
  it("arrives as it left, with and without what may be left out", () => {
    for (const workload of [plain, { ...plain, endpoint: 0 }, { ...plain, endpoint: 8, endpoints: 8, queues: 4, retryLimit: 16 }, { ...plain, program }])
      expect(overWire(workload)).toEqual(workload);
  });
});

describe("its result", () => {
  const queue = { ok: true, endpoint: 8, queue: 0, pasid: 1, jobs: 2, faultsHandled: 30 };
  const result = (outputs: Uint8Array[], more: Partial<WorkloadResult> = {}): WorkloadResult => ({
    ok: true,
    operation: "copy",
    inputBytes: 7,
    output: outputs[0],
    jobs: 4,
    faultsHandled: 60,
    queues: outputs.map((output, i) => ({ ...queue, pasid: i + 1, output })),
    ...more,
  });
  function overWireAndBack(given: WorkloadResult): { back: WorkloadResult; sent: number } {
    const { result: wire, outputs } = resultToWire(given);
    const reply = responseDeserialize(responseSerialize({ result: wire })) as { result: never };
    return { back: resultFromWire(reply.result, joined(outputs)), sent: outputs.length };
  }
  it("sends an output that all queues share once, and hands out one array", () => {
    const common = Uint8Array.of(1, 2, 3);
    const { back, sent } = overWireAndBack(result([common, common, common]));
    expect(sent).toBe(1);
    expect(back).toEqual(result([common, common, common]));
    expect(back.queues.every(({ output }) => output === back.output)).toBe(true);
  });
  it("keeps apart what differs, and errors and empty outputs", () => {
    const outputs = [Uint8Array.of(1, 2), Uint8Array.of(3, 4, 5), new Uint8Array(0)];
    const given = result(outputs, { ok: false, error: "the output of endpoint 0x10 differs" });
    given.output = new Uint8Array(0);
    given.queues[2] = { ...queue, ok: false, error: "no queue is free", queue: -1, pasid: 0, output: outputs[2] };
    expect(overWireAndBack(given).back).toEqual(given);
  });
});
