import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { checkData } from "../history/data-checked.ts";
import type { DataChecked } from "../history/final-state.ts";
import { withFinalState } from "../history/final-state.ts";
import { randomFor } from "../simulation/random.ts";
import type { RunningMachine } from "../supervisor/running-machine.ts";
import { heldCounts } from "./held-counts.ts";
import type { Scenario } from "./load-scenario.ts";

/** The input file of a run, drawn from its seed. */
export function inputOf({ fileBytes }: Pick<Scenario, "fileBytes">, seed: number): Uint8Array {
  return randomFor(seed, "file").fill(new Uint8Array(fileBytes));
}

/** The workload of a run: a program that has no seed of its own gets one drawn from the run's. */
export function workloadOf({ workload, drawProgramSeed }: Pick<Scenario, "workload" | "drawProgramSeed">, seed: number): Scenario["workload"] {
  return workload.program && drawProgramSeed ? { ...workload, program: { ...workload.program, seed: randomFor(seed, "workload").uint32() } } : workload;
}

/**
 * One experiment on a machine that runs (design.md, section 6): steady state, faults while the workload runs, then, if the scenario heals, the end of all faults and the workload once more.
 * The history, with what every part held before and holds at the end, and the comparison of data.
 */
export async function runExperiment(scenario: Scenario, running: RunningMachine, seed: number): Promise<TraceEvent[]> {
  const { heal } = scenario;
  const bytes = inputOf(scenario, seed);
  const workload = workloadOf(scenario, seed);
  const data: DataChecked[] = [];
  const work = async (again = false): Promise<boolean> => {
    const end = await (again ? running.awaitWorkload() : running.runWorkload([{ name: workload.file, bytes }], workload));
    if (end.ended) data.push(...checkData(workload, bytes, end.result.queues));
    return end.ended;
  };

  const baseline = await running.counts();
  await running.arm(scenario.rules, seed);
  running.plan({ faults: scenario.partFaults, heal: heal && !("end" in heal.at) ? { at: heal.at, withinNs: heal.withinNs } : null });
  let ended = await work();
  if (heal) {
    await running.heal(heal.withinNs);
    if (heal.rest) await running.rest();
    ended = ended || (await work(true));
    if (ended) ended = await work();
  }
  await running.rest();
  const counts = heldCounts(baseline, await running.counts());
  // A workload that never ends holds what it holds: that it has not ended is the finding.
  return withFinalState(await running.history(), { data, counts: ended ? counts : counts.filter(({ phase }) => phase === "baseline") });
}
