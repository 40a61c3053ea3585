import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { readOf } from "../checkers/reading.ts";
import { judgeRun } from "../report/verdict.ts";
import { runExperiment } from "../scenarios/experiment.ts";
import { loadScenario, type Scenario } from "../scenarios/load-scenario.ts";
import { startSimulation } from "../simulation/running-simulation.ts";
import { judgedHistory, judgedRun, recordedFor } from "./judged-run.ts";

async function everything(scenario: Scenario, seed: number, switches: readonly string[]): Promise<TraceEvent[]> {
  const running = await startSimulation(scenario.machine, { seed, switches: new Set(switches) });
  return runExperiment(scenario, running, seed);
}
/** An event as it is whatever else is recorded: its place in the history and the number of its cause are not. */
const without = ({ n: _n, cause: _cause, ...event }: TraceEvent) => event;

/** Scenarios whose faults wait for events, of parts too, with a program and a file, and switches that a checker names. */
const runs: [id: string, switches: string[]][] = [
  ["drop-page-response", []],
  ["drop-page-response", ["M-no-job-timeout"]],
  ["event-report-after-reset", []],
  ["s25-report-at-release", ["RR-62"]],
  ["s13-reset-under-invalidation", ["S13"]],
  ["s02-cd-without-cfgi", ["S02"]],
  ["s38-bind-fails", ["RR-84"]],
  ["guest-pauses", []],
];

describe("a run of a campaign (recorded as far as it is judged)", () => {
  for (const [id, switches] of runs) {
    it(`${id}${switches.length ? ` with ${switches}` : ""} takes the course that it takes with everything recorded, and gets the same verdict`, async () => {
      const scenario = loadScenario(id);
      const seed = scenario.seed + 1;
      const recorded = recordedFor(scenario);
      const whole = await everything(scenario, seed, switches);
      const judged = await judgedHistory(scenario, seed, switches);
      const isRecorded = (event: TraceEvent) => recorded.has(readOf(event));
      expect(judged.filter(isRecorded).map(without)).toEqual(whole.filter(isRecorded).map(without));
      expect(judged.length).toBeLessThan(whole.length * 0.7);
      const [first, second] = [judgeRun(scenario, whole), judgeRun(scenario, judged)];
      const said = ({ verdict, error, violations }: typeof first) => ({
        verdict,
        error,
        said: violations.map(({ invariant, message }) => [invariant, message.replaceAll(/#\d+/g, "#")]),
      });
      expect(said(second)).toEqual(said(first));
    });
  }
  it("counts complete faults, and its digest is the seed's", async () => {
    const scenario = loadScenario("drop-page-response");
    const [one, again, other] = [await judgedRun(scenario, 1, []), await judgedRun(scenario, 1, []), await judgedRun(scenario, 2, [])];
    const whole = await everything(scenario, 1, []);
    expect(one.faults).toBe(whole.filter(({ kind, fields }) => kind === "endpoint.prg-response" && fields.accepted === true).length);
    expect(one).toEqual(again);
    expect(one.digest).not.toBe(other.digest);
  });
  it("ends as an error when its machine does not boot, and ends no other", async () => {
    const scenario = loadScenario("drop-page-response");
    const tooSmall = { ...scenario.machine, smmu: { ...scenario.machine.smmu, cmdqLog2: 4 } }; // the driver refuses it
    const { judgement } = await judgedRun({ ...scenario, machine: tooSmall }, 1, []);
    expect(judgement).toMatchObject({ verdict: "error", error: expect.stringContaining("host did not boot") });
  });
  it("ends as an error when it breaks off, and ends no other", async () => {
    const scenario = loadScenario("drop-page-response");
    const { judgement } = await judgedRun({ ...scenario, rules: [{ ...scenario.rules[0], id: "x", where: { point: "nowhere" }, do: { action: "count" } }] }, 1, []);
    expect(judgement).toMatchObject({ verdict: "error", error: expect.stringContaining("the run broke off") });
  });
});
