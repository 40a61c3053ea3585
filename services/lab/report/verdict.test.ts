import type { TraceEvent, TraceFields } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { judgeRun } from "./verdict.ts";

const rules = [{ id: "fault-0", where: { direction: "vmm->host", what: "page-response" }, do: { action: "drop" as const } }];
const event = (kind: string, fields: TraceFields = {}, n = 1): TraceEvent => ({
  n,
  t: 0,
  lamport: 0,
  who: "x",
  kind,
  ids: { sid: "0x8", pasid: 1, grpid: 2 },
  fields,
  cause: null,
});
const fired = event("edge.rule", { rule: "fault-0" });
const failsWith = (error: string) => event("lab.workload-end", { ok: false, error }, 9);
const scenario = { rules, expect: { workload: "fails" as const, error: "time-out" } };

describe("the verdict of a run", () => {
  it("is pass when invariants and hypothesis hold", () => {
    expect(judgeRun(scenario, [fired, failsWith("job time-out")])).toEqual({ verdict: "pass", violations: [], error: null });
  });
  it("is error when a fault never happened: such a run proves nothing", () => {
    expect(judgeRun(scenario, [failsWith("job time-out")])).toMatchObject({ verdict: "error", error: expect.stringContaining("vmm->host page-response") });
  });
  it("is error when the run broke off: a group that is still open then was not left unanswered", () => {
    const history = [fired, event("pri-queue.record", { last: true }), event("lab.broken-off", { error: "a cache is full" })];
    expect(judgeRun(scenario, history)).toEqual({ verdict: "error", violations: [], error: "the run broke off: a cache is full" });
  });
  it("is violation of the invariant, not of the hypothesis that follows from it", () => {
    const { verdict, violations } = judgeRun(scenario, [fired, event("pri-queue.record", { last: true }), event("lab.deadlock", { reason: "idle" })]);
    expect([verdict, violations.map(({ invariant }) => invariant)]).toEqual(["violation", ["INV-1"]]);
  });
  it.each([
    ["the workload succeeds although it should not", event("lab.workload-end", { ok: true }), /succeeded/],
    ["it fails for another reason", failsWith("no memory"), /no memory/],
    ["it never ends", event("lab.deadlock", { reason: "idle" }), /did not end: idle/],
  ])("is violation of the hypothesis when %s", (_what, end, message) => {
    const { verdict, violations } = judgeRun(scenario, [fired, end]);
    expect(verdict).toBe("violation");
    expect(violations[0]).toMatchObject({ invariant: "hypothesis", message: expect.stringMatching(message) });
  });
});
