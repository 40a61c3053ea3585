import { parentPort } from "node:worker_threads";
import { loadScenario, type Scenario } from "../scenarios/load-scenario.ts";
import type { Experiment } from "./campaign.ts";
import type { Answer } from "./crew.ts";
import { judgedRun } from "./judged-run.ts";

const loaded = new Map<string, Scenario>();

async function answer({ scenario: name, seed, switches }: Experiment): Promise<Answer> {
  try {
    const scenario = loaded.get(name) ?? loadScenario(name);
    loaded.set(name, scenario);
    return { run: await judgedRun(scenario, seed, [...scenario.mutants, ...scenario.defects, ...switches]) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

const port = parentPort!; // it is a thread's first file
port.on("message", (experiment: Experiment) => void answer(experiment).then((said) => port.postMessage(said)));
