import { createHash } from "node:crypto";
import { type AssertionCount, sumAssertions } from "../assertions/assertion.ts";
import type { Verdict } from "../report/verdict.ts";
import type { Crew } from "./crew.ts";
import type { JudgedRun } from "./judged-run.ts";

/** One scenario of a campaign: with every seed from `seed` on, `seeds` of them. */
export interface Entry {
  /** Its id, or its file. */
  scenario: string;
  seed: number;
  seeds: number;
  /** Defects and mutants that are on besides those of the scenario. */
  switches: readonly string[];
}

/** One experiment: what a worker is asked for. */
export interface Experiment {
  scenario: string;
  seed: number;
  switches: readonly string[];
}

/** A run that did not pass. */
export interface Failed {
  seed: number;
  verdict: Exclude<Verdict, "pass">;
  /** Ids of the checkers that name something, in their order; empty when it broke off. */
  violated: string[];
  /** What broke the run off. */
  error: string | null;
}

export interface EntryResult extends Entry {
  passed: number;
  failed: Failed[];
  faults: number;
  events: number;
}

export interface CampaignResult {
  verdict: Verdict;
  experiments: number;
  faults: number;
  entries: EntryResult[];
  assertions: AssertionCount[];
  /** sha256 over verdict and digest of every experiment, in their order: the same for the same campaign at the same commit, whatever ran it. */
  digest: string;
}

/** Runs every experiment of the entries, as many at a time as there are workers. What it comes to does not depend on their number. */
export async function campaign(entries: readonly Entry[], crew: Crew, progress: (done: number, all: number, failed: number) => void): Promise<CampaignResult> {
  const experiments = entries.flatMap(({ scenario, seed, seeds, switches }) =>
    Array.from({ length: seeds }, (_, i): Experiment => ({ scenario, seed: seed + i, switches })),
  );
  const runs: JudgedRun[] = new Array(experiments.length);
  let [next, done, failed] = [0, 0, 0];
  const work = async (run: (experiment: Experiment) => Promise<JudgedRun>): Promise<void> => {
    while (next < experiments.length) {
      const mine = next++;
      runs[mine] = await run(experiments[mine]);
      if (runs[mine].judgement.verdict !== "pass") failed++;
      progress(++done, experiments.length, failed);
    }
  };
  await Promise.all(crew.workers.map(work));
  let first = 0;
  const results = entries.map((entry) => {
    const own = runs.slice(first, first + entry.seeds);
    first += entry.seeds;
    return resultOf(entry, own);
  });
  const hash = createHash("sha256");
  for (const { judgement, digest } of runs) hash.update(`${judgement.verdict} ${digest}\n`);
  return {
    verdict: (["violation", "error", "pass"] as const).find((one) => runs.some(({ judgement }) => judgement.verdict === one)) ?? "pass",
    experiments: runs.length,
    faults: results.reduce((sum, { faults }) => sum + faults, 0),
    entries: results,
    assertions: sumAssertions(runs.map(({ assertions }) => assertions)),
    digest: hash.digest("hex"),
  };
}

function resultOf(entry: Entry, runs: readonly JudgedRun[]): EntryResult {
  const failed = runs.flatMap(({ judgement: { verdict, violations, error } }, i): Failed[] => {
    if (verdict === "pass") return [];
    const violated = [...new Set(violations.map(({ invariant }) => invariant))];
    return [{ seed: entry.seed + i, verdict, violated, error }];
  });
  return {
    ...entry,
    passed: runs.length - failed.length,
    failed,
    faults: runs.reduce((sum, { faults }) => sum + faults, 0),
    events: runs.reduce((sum, { events }) => sum + events, 0),
  };
}
