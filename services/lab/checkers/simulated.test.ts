import type { EdgeRule } from "@faultline/shared/edge/rules.ts";
import type { Workload } from "@faultline/shared/linux/workload.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { brokenAssertions } from "../assertions/assertions.ts";
import { SimulatedMachine } from "../simulation/machine.ts";
import { judge } from "./index.ts";

const input = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 31 + (i >> 7)) & 0xff);
const plain: Workload = { operation: "copy", file: "input", pagesPerGroup: 4, jobTimeoutNs: 1e9 };
/** Processes that come and go while the device works: munmap, unbind and exit with DMA in flight. */
const program = (seed: number): Workload => ({
  ...plain,
  queues: 3,
  program: { processes: 8, pages: 8, jobs: 4, mix: { copy: 1, fill: 1, sha256: 1 }, munmap: 0.4, unbind: 0.3, exit: 0.3, seed },
});
const dropped: EdgeRule = { id: "fault-0", direction: "vmm->host", what: "page-response", nth: 1, do: "drop" };

async function run(workload: Workload, seed: number, rules: EdgeRule[] = []): Promise<readonly TraceEvent[]> {
  const machine = new SimulatedMachine(defaultMachine, { seed, switches: new Set(), yieldEverywhere: true });
  await machine.boot();
  machine.arm(rules);
  await machine.runWorkload([{ name: "input", bytes: input }], workload, { limitNs: 60e9 });
  await machine.settle(5e9);
  return machine.history;
}

describe("the simulated machine", () => {
  it.each([
    ["a copy", plain],
    ["a program with munmap, unbind and exit under DMA", program(1)],
    ["another one", program(2)],
  ])("passes every checker and assertion with %s", async (_what, workload) => {
    const history = await run(workload, 1);
    expect([...judge(history), ...brokenAssertions(history)]).toEqual([]);
  });
  it("passes when a page response is lost and the driver resets the function", async () => {
    expect(judge(await run(plain, 1, [dropped]))).toEqual([]);
  });

  it("passes with three functions of two VMs at work", async () => {
    const [endpoint] = defaultMachine.endpoints;
    const [vm] = defaultMachine.vms;
    const bdfs = [0x8, 0x10, 0x18];
    const vms = [
      { ...vm, endpoints: bdfs.slice(0, 2) },
      { ...vm, name: "vm1", endpoints: bdfs.slice(2) },
    ];
    const machine = new SimulatedMachine(
      { ...defaultMachine, endpoints: bdfs.map((bdf) => ({ ...endpoint, bdf })), vms },
      { seed: 1, switches: new Set(), yieldEverywhere: true },
    );
    await machine.boot();
    for (const [index, { endpoints }] of vms.entries()) await machine.runWorkload([], { ...program(index), endpoints: endpoints.length }, { vm: index, limitNs: 60e9 });
    await machine.settle(5e9);
    expect(machine.history.some(({ who, kind }) => who === "guest1" && kind === "guest.job-done")).toBe(true);
    expect(judge(machine.history)).toEqual([]);
  });
});
