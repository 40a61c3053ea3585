import { aspects } from "@faultline/shared/trace/aspects.ts";
import { describe, expect, it } from "vitest";
import { judgeRun } from "../report/verdict.ts";
import { runExperiment } from "../scenarios/experiment.ts";
import { loadScenario, parseScenario } from "../scenarios/load-scenario.ts";
import { startSimulation } from "../simulation/running-simulation.ts";
import { checkers, isJudged, JUDGED, judge, judgeBy } from "./index.ts";
import { written } from "./test-support/written-history.ts";

const NEVER = `
id: rule-of-nothing
title: A fault that never happens
source: none
workload: { operation: sha256, file: { bytes: 4096 }, pagesPerGroup: 1, jobTimeout: 1s }
hypothesis: { during: Nothing. }
faults: [{ where: "vmm->host page-response", when: { nth: 1000 }, do: drop }]
expect: { workload: succeeds }
`;

describe("a history of what is judged alone has the verdict of the whole: a campaign records no more", () => {
  it.each([
    ["drop-page-response", [], "pass"],
    ["drop-page-response", ["M-no-job-timeout"], "INV-1"],
    ["s38-bind-fails", [], "pass"],
    ["s38-bind-fails", ["RR-84"], "INV-7"],
    ["s22-partial-group-after-overflow", ["M-discard-partial"], "INV-7"],
    ["s04-atc-of-a-part", [], "pass"],
    ["s04-atc-of-a-part", ["S04"], "ORD-INVALIDATE"],
    ["s02-cd-without-cfgi", ["S02"], "ORD-INVALIDATE"],
    ["s13-reset-under-invalidation", [], "pass"],
    ["guest-dies", [], "pass"],
    ["task-held-in-the-guest", [], "pass"],
    ["priq-full", [], "pass"],
  ])("%s with %j", { timeout: 20_000 }, async (id, switches, expected) => {
    const { whole, judged, kept, events, history } = await judgements(loadScenario(id), switches);
    expect([whole.verdict, ...whole.violations.map(({ invariant }) => invariant)]).toContain(expected);
    expect(judged).toEqual(whole);
    expect(kept).toBeLessThan(events);
    // No part of a checker looks at what another part alone reads.
    expect(judge(history)).toEqual(
      judgeBy(
        checkers.map((checker) => ({ ...checker, parts: undefined })),
        history,
      ),
    );
  });
  it("a fault that never happened is missed there too", async () => {
    const { whole, judged } = await judgements(parseScenario(NEVER, "never"), []);
    expect(whole.error).toMatch(/never happened$/);
    expect(judged).toEqual(whole);
  });
  it.each([
    ["lab.deadlock", { reason: "idle" }, /did not end: idle/],
    ["lab.broken-off", { error: "a cache is full" }, /broke off: a cache is full/],
  ])("so has one that ends with %s", (kind, fields, text) => {
    const history = written(["guest0", "guest.vma", {}], ["lab", "lab.workload-start"], ["lab", kind, {}, fields]);
    const whole = judgeRun({ rules: [], expect: { workload: "succeeds" } }, history);
    expect(whole.error ?? whole.violations[0].message).toMatch(text);
    expect(judgeRun({ rules: [], expect: { workload: "succeeds" } }, history.filter(isJudged))).toEqual(whole);
  });
  it("names the most frequent kinds by what they are: no checker is given all of one", () => {
    expect(Object.keys(aspects).filter((kind) => JUDGED.has(kind))).toEqual([]);
    expect([...JUDGED].filter((read) => /^(edge\.(send|deliver)|ats\.translation-request) /.test(read)).sort()).toEqual([
      "ats.translation-request no-access",
      "edge.deliver ioctl",
    ]);
    expect(JUDGED.has("command.executed CMD_PRI_RESP") || JUDGED.has("vmm.request 8")).toBe(false); // one of each for every group
    expect(checkers.flatMap(({ reads }) => reads).filter((read) => !JUDGED.has(read))).toEqual([]);
  });
});

async function judgements(scenario: ReturnType<typeof loadScenario>, switches: readonly string[]) {
  const running = await startSimulation(scenario.machine, { seed: scenario.seed, switches: new Set([...scenario.defects, ...scenario.mutants, ...switches]) });
  const history = await runExperiment(scenario, running, scenario.seed);
  const kept = history.filter(isJudged);
  return { whole: judgeRun(scenario, history), judged: judgeRun(scenario, kept), kept: kept.length, events: history.length, history };
}
