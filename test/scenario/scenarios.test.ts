import { type Judgement, judgeRun } from "@faultline/lab/report/verdict.ts";
import { runExperiment } from "@faultline/lab/scenarios/experiment.ts";
import { loadScenario, type Scenario, scenarioIds } from "@faultline/lab/scenarios/load-scenario.ts";
import { startSimulation } from "@faultline/lab/simulation/running-simulation.ts";
import { describe, expect, it } from "vitest";

/** `faultline run ID --seeds 20` runs more of them. */
const SEEDS = 2;
const MINUTES = 5;

async function judged(scenario: Scenario, seed: number, switches: readonly string[] = []): Promise<Judgement> {
  const running = await startSimulation(scenario.machine, { seed, switches: new Set([...scenario.defects, ...scenario.mutants, ...switches]) });
  return judgeRun(scenario, await runExperiment(scenario, running, seed));
}

describe.each(scenarioIds())("%s", (id) => {
  const scenario = loadScenario(id);
  it(`passes with ${SEEDS} seeds: its hypothesis holds`, { timeout: MINUTES * 60_000 }, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) expect(await judged(scenario, seed), `seed ${seed}`).toEqual({ verdict: "pass", violations: [], error: null });
  });
  for (const { mutants = [], defects = [], by } of scenario.expect.caught ?? []) {
    const switches = [...mutants, ...defects];
    it(`with ${switches.join(", ")} is a violation that ${by} names`, { timeout: MINUTES * 60_000 }, async () => {
      const { verdict, violations } = await judged(scenario, scenario.seed, switches);
      expect([verdict, violations.map(({ invariant }) => invariant)]).toEqual(["violation", expect.arrayContaining([by])]);
    });
  }
});
