import { createHash } from "node:crypto";
import { judge } from "@faultline/lab/checkers/index.ts";
import { historyBytes, historyDigest } from "@faultline/lab/history/history.ts";
import { inputOf, runExperiment } from "@faultline/lab/scenarios/experiment.ts";
import { parseScenario } from "@faultline/lab/scenarios/load-scenario.ts";
import { startSimulation } from "@faultline/lab/simulation/running-simulation.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";

const operation = "{ operation: sha256, file: { bytes: 50000 }, queues: 2, pagesPerGroup: 4, jobTimeout: 10s }";
const program =
  "{ processes: 4, pages: 8, jobs: 3, mix: { copy: 1, fill: 1, crc32c: 1 }, munmap: 0.4, unbind: 0.3, exit: 0.3, queues: 2, pagesPerGroup: 4, jobTimeout: 10s }";
const scenarioOf = (workload: string, faults: string) =>
  parseScenario(
    ["id: x", "title: t", "source: s", `workload: ${workload}`, "hypothesis: { during: h }", `faults: ${faults}`, "expect: { workload: succeeds }"].join("\n"),
    "x",
  );

async function history(workload: string, seed: number, o: { faults?: string; yieldEverywhere?: boolean } = {}): Promise<readonly TraceEvent[]> {
  const scenario = scenarioOf(workload, o.faults ?? "[]");
  return runExperiment(scenario, await startSimulation(scenario.machine, { seed, switches: new Set(), yieldEverywhere: o.yieldEverywhere }), seed);
}
const sha256 = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

/** What the workload drew: every job with its operation, size and place, by process; in whatever order they came. */
const drawn = (events: readonly TraceEvent[]): string =>
  sha256(
    events.flatMap(({ kind, ids, fields }) => (kind === "guest.job-submitted" ? [JSON.stringify([ids.gva, fields.operation, fields.bytes, fields.tag])] : [])).sort(),
  );
/** What a run came to, whatever the order in which tasks ran. */
const outcome = (events: readonly TraceEvent[]) => ({
  workload: events.filter(({ kind }) => kind === "lab.workload-end").map(({ fields }) => fields),
  data: events.filter(({ kind }) => kind === "lab.data-checked").map(({ fields }) => fields),
  held: events.filter(({ kind }) => kind.endsWith(".counts")).map(({ who, fields }) => [who, fields]),
});

describe("one source of chance, split per purpose (issue 6, 4)", { timeout: 30_000 }, () => {
  const faults = [
    '[{ where: "smmu->host priq-record", when: { probability: 40 }, do: delay, for: 30us }]',
    '[{ where: "guest->vmm page-resp-request", when: { probability: 40 }, do: delay, for: 30us }, { where: "host->vmm signal", when: { probability: 20 }, do: duplicate }]',
    "[{ where: guest.iopf.before-handle, when: { probability: 60 }, do: delay, for: 50us }]",
  ];
  it.each(faults)("what the workload draws is not shifted by %s", async (rules) => {
    const [plain, faulty] = [await history(program, 7), await history(program, 7, { faults: rules })];
    expect(faulty.some(({ fields }) => fields.rule !== undefined)).toBe(true);
    expect(historyDigest(historyBytes(faulty))).not.toBe(historyDigest(historyBytes(plain)));
    expect(drawn(faulty)).toBe(drawn(plain));
    expect(drawn(await history(program, 8))).not.toBe(drawn(plain));
  });
  it("nor is its file by how much of anything else is drawn", () => {
    const bytes = (seed: number, faults: string) => sha256([...inputOf(scenarioOf(operation, faults), seed)]);
    expect(bytes(7, faults[0])).toBe(bytes(7, "[]"));
    expect(bytes(8, "[]")).not.toBe(bytes(7, "[]"));
  });
});

describe("a random yield at every point (design.md, section 4): same digests, same counts", { timeout: 30_000 }, () => {
  const seeds = [1, 2, 3];
  it.each([
    ["an operation over a file", operation],
    ["a program with munmap, unbind and exit under DMA", program],
  ])("%s", async (_what, workload) => {
    for (const seed of seeds) {
      const [calm, yielding] = [await history(workload, seed), await history(workload, seed, { yieldEverywhere: true })];
      expect(historyDigest(historyBytes(yielding)), "tasks ran in another order").not.toBe(historyDigest(historyBytes(calm)));
      expect(outcome(yielding), `seed ${seed}`).toEqual(outcome(calm));
      expect(outcome(calm).workload).toMatchObject([{ ok: true }]);
      expect(judge(yielding), `seed ${seed}`).toEqual([]);
    }
  });
});
