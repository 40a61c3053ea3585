import { runExperiment } from "@faultline/lab/scenarios/experiment.ts";
import { parseScenario } from "@faultline/lab/scenarios/load-scenario.ts";
import { startSimulation } from "@faultline/lab/simulation/running-simulation.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";

async function history(faults: string): Promise<readonly TraceEvent[]> {
  const lines = ["id: x", "title: t", "source: s", "hypothesis: { during: h }", "expect: { workload: succeeds }"];
  const workload = "workload: { operation: copy, file: { bytes: 200000 }, pagesPerGroup: 2, jobTimeout: 1s }";
  const scenario = parseScenario([...lines, workload, `faults: ${faults}`].join("\n"), "x");
  return runExperiment(scenario, await startSimulation(scenario.machine, { seed: 1, switches: new Set() }), 1);
}
const rules = (events: readonly TraceEvent[]) => events.filter(({ kind }) => kind === "edge.rule" || kind === "lab.rule");

describe("rules that go by what happens in other parts (design.md, section 6: hold until X)", () => {
  it("what is held in the VMM goes on at the third response of the guest, by a release", async () => {
    const events = await history(`[{ id: late, where: "vmm->guest event-report", when: { nth: 1 }, do: hold },
      { where: "guest->vmm page-resp-request", when: { nth: 3 }, do: { action: release, rule: late } }]`);
    const [held, released] = rules(events);
    expect([held.fields.do, released.fields.do, released.fields.releases]).toEqual(["hold", "release", "late"]);
    const received = events.find(({ kind, ids }) => kind === "guest.event-received" && ids.gva === held.ids.iova);
    expect(received?.n).toBeGreaterThan(released.n);
    expect(events.filter(({ kind, n }) => kind === "guest.page-response" && n < released.n).length).toBeGreaterThanOrEqual(3);
    expect(events.find(({ kind }) => kind === "lab.workload-end")?.fields.ok).toBe(true);
  });
  it("a task that is held at a point of the guest is let go at one of the host", async () => {
    const events = await history(`[{ id: late, where: guest.iopf.before-handle, when: { nth: 1 }, do: hold },
      { where: host.page-response.before-consume, when: { nth: 3 }, do: { action: release, rule: late } }]`);
    const [held, released] = rules(events);
    expect([held.fields.at, released.fields.at]).toEqual(["guest.iopf.before-handle", "host.page-response.before-consume"]);
    const answered = events.find(({ kind, ids }) => kind === "guest.page-response" && ids.grpid === held.fields.grpid);
    expect(answered?.n).toBeGreaterThan(released.n);
  });
  it("a rule matches only what comes after its event", async () => {
    const events = await history('[{ where: "vmm->host page-response", when: { after: host.page-response, nth: 1 }, do: delay, for: 20us }]');
    const [rule] = rules(events);
    expect(rule.n).toBeGreaterThan(events.find(({ kind }) => kind === "host.page-response")!.n);
  });
  it("a rogue function strikes at the nth event of a kind", async () => {
    const events = await history('[{ where: "endpoint:00:01.0", when: { after: guest.page-response, nth: 2 }, do: { action: rogue, address: "0x3f000000" } }]');
    const [rule] = rules(events);
    const responses = events.filter(({ kind, n }) => kind === "guest.page-response" && n < rule.n);
    expect(rule).toMatchObject({ kind: "lab.rule", fields: { do: "rogue" } });
    expect(responses.length).toBe(2);
  });
});
