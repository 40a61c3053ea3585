import { describe, expect, it } from "vitest";
import { campaign, type Entry, type Experiment } from "./campaign.ts";
import type { Crew } from "./crew.ts";
import type { JudgedRun } from "./judged-run.ts";

/** What an experiment comes to, by its seed: 7 violates, 9 breaks off. */
function runOf({ scenario, seed }: Experiment): JudgedRun {
  const violations = seed === 7 ? ["INV-1", "INV-1", "LIVENESS"].map((invariant) => ({ invariant, message: `${invariant} of ${scenario}`, events: [1] })) : [];
  const error = seed === 9 ? "the run broke off: out of frames" : null;
  const verdict = violations.length ? "violation" : error ? "error" : "pass";
  const assertion = { id: "A", kind: "sometimes" as const, sentence: "s", reached: 1, held: seed === 6 ? 1 : 0, examples: [] };
  return { judgement: { verdict, violations, error }, assertions: [assertion], faults: seed, events: 10 * seed, digest: `${scenario}${seed}` };
}
/** Workers that answer at once, and one that lets all others go first. */
const crewOf = (count: number, seen: Experiment[] = []): Crew => ({
  workers: Array.from({ length: count }, (_, i) => async (experiment: Experiment) => {
    seen.push(experiment);
    for (let turns = 0; turns < (count - i) * 5; turns++) await Promise.resolve();
    return runOf(experiment);
  }),
  close: async () => {},
});
const entries: Entry[] = [
  { scenario: "a", seed: 5, seeds: 3, switches: [] },
  { scenario: "b", seed: 8, seeds: 2, switches: ["S13"] },
];
const run = (crew: Crew) => campaign(entries, crew, () => {});

describe("a campaign", () => {
  it("runs every scenario with every seed, once each, with its switches", async () => {
    const seen: Experiment[] = [];
    await run(crewOf(2, seen));
    const text = seen.map(({ scenario, seed, switches }) => `${scenario} ${seed} ${switches}`);
    expect(text.sort()).toEqual(["a 5 ", "a 6 ", "a 7 ", "b 8 S13", "b 9 S13"]);
  });
  it("sums up by scenario; the worst verdict is its own", async () => {
    const { verdict, experiments, faults, entries: results, assertions } = await run(crewOf(1));
    expect([verdict, experiments, faults]).toEqual(["violation", 5, 35]);
    expect(results).toEqual([
      { ...entries[0], passed: 2, failed: [{ seed: 7, verdict: "violation", violated: ["INV-1", "LIVENESS"], error: null }], faults: 18, events: 180 },
      { ...entries[1], passed: 1, failed: [{ seed: 9, verdict: "error", violated: [], error: "the run broke off: out of frames" }], faults: 17, events: 170 },
    ]);
    expect(assertions).toEqual([expect.objectContaining({ id: "A", reached: 5, held: 1 })]);
  });
  it("comes to the same, digest and all, however many run at a time and whichever ends first", async () => {
    const alone = await run(crewOf(1));
    expect(await run(crewOf(3))).toEqual(alone);
    expect((await campaign([entries[1], entries[0]], crewOf(1), () => {})).digest).not.toBe(alone.digest);
  });
  it("tells how far it is, and how many did not pass so far", async () => {
    const told: string[] = [];
    await campaign(entries, crewOf(1), (done, all, failed) => void told.push(`${done}/${all}/${failed}`));
    expect(told).toEqual(["1/5/0", "2/5/0", "3/5/1", "4/5/1", "5/5/2"]);
  });
  it("ends when a worker fails: that is a bug of ours, no verdict", async () => {
    const crew: Crew = { workers: [() => Promise.reject(new Error("a: no scenario"))], close: async () => {} };
    await expect(run(crew)).rejects.toThrow("a: no scenario");
  });
});
