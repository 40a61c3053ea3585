import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { Experiment } from "./campaign.ts";
import type { JudgedRun } from "./judged-run.ts";

/** Who runs the experiments of a campaign: each worker one at a time. */
export interface Crew {
  workers: ((experiment: Experiment) => Promise<JudgedRun>)[];
  close(): Promise<void>;
}

/** What a worker answers: an error of its is a bug of ours, or of the file it was given. */
export type Answer = { run: JudgedRun } | { error: string };

/** `count` threads, each with simulations of its own: one for each core is most. */
export function startCrew(count: number): Crew {
  const threads = Array.from({ length: count }, () => new Worker(new URL("worker.ts", import.meta.url)));
  return {
    workers: threads.map((thread) => async (experiment) => {
      const answer = once(thread, "message");
      thread.postMessage(experiment);
      const [said] = (await answer) as [Answer];
      if ("error" in said) throw new Error(`${experiment.scenario}, seed ${experiment.seed}: ${said.error}`);
      return said.run;
    }),
    close: async () => void (await Promise.all(threads.map((thread) => thread.terminate()))),
  };
}
