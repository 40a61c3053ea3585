import { describe, expect, it } from "vitest";
import { runExperiment } from "../scenarios/experiment.ts";
import { parseScenario } from "../scenarios/load-scenario.ts";
import { startSimulation } from "../simulation/running-simulation.ts";
import { checkers, judge } from "./index.ts";

interface MutantRun {
  /** What is wrong with the machine: defects and mutants. */
  switches: string[];
  workload?: string;
  faults?: string;
  machine?: string;
  heal?: string;
  message: RegExp;
}
const copy = "{ operation: copy, file: { bytes: 40000 }, pagesPerGroup: 4, jobTimeout: 1s }";

/** By checker: a run of a machine that breaks the invariant. */
const runs: Record<string, MutantRun> = {
  "INV-5": {
    switches: ["M-unlock-on-error"],
    faults: '[{ where: "guest->vmm invalidate-request", when: { nth: 1 }, do: { action: answer, status: VIRTIO_IOMMU_S_DEVERR } }]',
    message: /^guest0 still holds the lock endpoint 0x8 group mutex at rest$/,
  },
};

async function violationsOf({ workload = copy, faults = "[]", machine, heal }: MutantRun, switches: string[]) {
  const scenario = parseScenario(
    [
      "id: mutant",
      "title: A machine that is wrong",
      "source: none",
      `workload: ${workload}`,
      "hypothesis: { during: it is seen }",
      `faults: ${faults}`,
      "expect: { workload: fails }", // not judged here
      ...(machine ? [`machine: ${machine}`] : []),
      ...(heal ? [`liveness_within: ${heal}`] : []),
    ].join("\n"),
    "mutant",
  );
  return judge(await runExperiment(scenario, await startSimulation(scenario.machine, { seed: 1, switches: new Set(switches) }), 1));
}

describe("each checker names what a machine that is wrong does", () => {
  it.each(Object.entries(runs))("%s", async (id, run) => {
    const found = (await violationsOf(run, run.switches)).filter(({ invariant }) => invariant === id);
    expect(found.map(({ message }) => message)).toContainEqual(expect.stringMatching(run.message));
    expect((await violationsOf(run, [])).filter(({ invariant }) => invariant === id)).toEqual([]);
  });
  it.todo(`has a run for each: ${checkers.map(({ id }) => id).filter((id) => !runs[id])}`);
});
