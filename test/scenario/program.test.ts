import { judge } from "@faultline/lab/checkers/index.ts";
import { withEndpoints } from "@faultline/lab/demo/with-endpoints.ts";
import { historyDigest, writeHistory } from "@faultline/lab/history/history.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { mixedProgram, type SimulatedRun, simulate } from "../support/program-run.ts";
import { countsLeft, exitsOutOfOrder, lateFaults, unbindsOutOfOrder, useOfClearedPasids } from "../support/teardown-order.ts";

const resultsOf = ({ history }: SimulatedRun, kind: string): unknown[] =>
  history.filter((event) => event.kind === kind).map(({ fields }) => fields.result ?? fields.status);

describe("processes that bind, run jobs, munmap, unbind and exit while the device works (issue 6, 1; flow.md, T1, T2)", () => {
  for (const [seed, yieldEverywhere] of [
    [1, false],
    [2, false],
    [3, true],
  ] as const) {
    it(`seed ${seed}: the CPU reads what the device should have written, every order holds, and nothing is left`, async () => {
      const run = await simulate({ queues: 4, program: { ...mixedProgram, seed } }, { seed, yieldEverywhere });
      expect(run.result?.error).toBeUndefined();
      expect(run.result?.queues.map(({ ok }) => ok)).toEqual(Array(12).fill(true));
      expect(resultsOf(run, "guest.fault-handled")).toEqual(expect.arrayContaining(["success", "no-vma"]));
      expect([unbindsOutOfOrder(run.history), exitsOutOfOrder(run.history), useOfClearedPasids(run.history), lateFaults(run.history)]).toEqual([[], [], [], []]);
      expect(countsLeft(run.history)).toEqual({});
      expect(judge(run.history)).toEqual([]);
    });
  }

  it("pages of a process that exits under DMA are refused: its mm is dying", async () => {
    const run = await simulate({ queues: 4, program: { ...mixedProgram, jobs: 0, unbind: 0, exit: 1 } });
    expect(run.result?.ok).toBe(true);
    expect(resultsOf(run, "guest.fault-handled")).toContain("dying-mm");
    expect(run.history.filter(({ kind, fields }) => kind === "guest.cd-written" && fields.quiet === true)).toHaveLength(12);
  });

  it("PASIDs pass from process to process, over two functions", async () => {
    const run = await simulate({ endpoints: 2, queues: 2, program: mixedProgram }, { machine: withEndpoints(defaultMachine, 2)! });
    expect(run.result?.ok).toBe(true);
    expect(new Set(run.result?.queues.map(({ endpoint }) => endpoint))).toEqual(new Set([0x08, 0x10]));
    expect(new Set(run.result?.queues.map(({ pasid }) => pasid)).size).toBeLessThan(12);
    expect(unbindsOutOfOrder(run.history)).toEqual([]);
  });

  it("one seed is one history", async () => {
    const digest = async (seed: number) =>
      historyDigest(writeHistory((await simulate({ queues: 2, program: { ...mixedProgram, processes: 4, seed } }, { seed: 9 })).history));
    expect(await digest(1)).toBe(await digest(1));
    expect(await digest(1)).not.toBe(await digest(2));
  });

  it("a program that cannot be is refused, naming its field", async () => {
    const { result } = await simulate({ program: { ...mixedProgram, munmap: 2 } });
    expect(result).toMatchObject({ ok: false, error: "program.munmap is no share from 0 to 1" });
  });
});
