import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadScenario, parseScenario, scenarioIds } from "./load-scenario.ts";
import { fault, text } from "./test-support/scenario-text.ts";

describe("a file that is no text (issue 6, 1)", () => {
  const dir = mkdtempSync(join(tmpdir(), "faultline-scenario-"));
  afterAll(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "x.yaml");
  it("is refused with the line of the first byte that is not UTF-8; a byte order mark is none", () => {
    writeFileSync(path, Buffer.concat([Buffer.from(`${text()}\n# `), Buffer.of(0xe9, 0x0a)]));
    expect(() => loadScenario(path)).toThrow(`${path}:8:1: the file is not in UTF-8`);
    writeFileSync(path, `\ufeff${text().replace("title: t", "title: é")}`);
    expect(loadScenario(path)).toMatchObject({ id: "x", title: "é" });
  });
  it("is named with what the system says of it", () => {
    expect(() => loadScenario(dir)).toThrow(`${dir} cannot be read as a scenario's file: EISDIR`);
  });
});

describe("a scenario file (design.md, section 6)", () => {
  it("every published one loads", () => {
    expect(scenarioIds()).toContain("drop-page-response");
    for (const id of scenarioIds()) expect(loadScenario(id).id).toBe(id);
  });
  it("every published one says which checker names what happens without what it relies on, or why none can (issue 6, item 9)", () => {
    const of = (id: string) => loadScenario(id).expect;
    expect(scenarioIds().filter((id) => (of(id).caught?.length ?? 0) > 0 === (of(id).uncaught !== undefined))).toEqual([]);
  });
  it("becomes rules, a workload and a machine", () => {
    const scenario = parseScenario(fault('where: "smmu->host interrupt", when: { every: 2, times: 3, atLeast: 1us }, do: delay, for: 5ms'), "x.yaml");
    expect(scenario.rules).toEqual([
      { id: "fault-0", where: { direction: "smmu->host", what: "interrupt" }, when: { every: 2, times: 3, intervalNs: 1000 }, do: { action: "delay", ns: 5e6 } },
    ]);
    expect(scenario).toMatchObject({ seed: 1, fileBytes: 4096, workload: { operation: "copy", file: "input", pagesPerGroup: 8, jobTimeoutNs: 10e9 }, heal: null });
  });
  it("names points, hardware and parts as well", () => {
    const faults = `[{ where: "point guest.iopf.before-handle", do: hold, until: guest.bind }, { where: "endpoint:00:01.0", do: never-complete },
      { where: guest0, when: { after: guest.bind, nth: 2 }, do: partition, ways: from, for: 1s }]`;
    const { rules, partFaults } = parseScenario(text({ faults }), "x.yaml");
    expect(rules.map(({ where, do: what }) => [where, what])).toEqual([
      [{ point: "guest.iopf.before-handle" }, { action: "hold", until: "guest.bind" }],
      [{ hardware: "endpoint:00:01.0" }, { action: "never-complete" }],
    ]);
    expect(partFaults).toEqual([{ id: "fault-2", part: "guest0", do: "partition", ways: "from", when: { nth: 2, after: "guest.bind" }, forNs: 1e9 }]);
  });
  it("a rule waits for an event, and lets another one go by its id", () => {
    const faults = `[{ id: late, where: "guest->vmm page-resp-request", when: { after: guest.bind, probability: 50 }, do: hold },
      { where: "smmu->host priq-record", when: { nth: 3 }, do: { action: release, rule: late } },
      { where: dram, when: { after: guest.unbind, nth: 2 }, do: { action: flip, address: "0x40001000", bit: 3 } }]`;
    expect(parseScenario(text({ faults }), "x.yaml").rules.map(({ id, when, do: what }) => [id, when, what])).toEqual([
      ["late", { afterEvent: "guest.bind", probability: 50 }, { action: "hold" }],
      ["fault-1", { nth: 3 }, { action: "release", rule: "late" }],
      ["fault-2", { afterEvent: "guest.unbind", nth: 2 }, { action: "flip", address: "0x40001000", bit: 3 }],
    ]);
  });
  it("describes a program, whose seed is drawn from the run's when it says none", () => {
    const program = "{ processes: 2, pages: 3, jobs: 1, mix: { copy: 1 }, unbind: 0.5, queues: 2";
    expect(parseScenario(text({ workload: `${program} }` }), "x.yaml")).toMatchObject({
      drawProgramSeed: true,
      workload: { queues: 2, program: { processes: 2, pages: 3, jobs: 1, mix: { copy: 1 }, munmap: 0, unbind: 0.5, exit: 0 } },
    });
    expect(parseScenario(text({ workload: `${program}, seed: 7 }` }), "x.yaml")).toMatchObject({ drawProgramSeed: false, workload: { program: { seed: 7 } } });
  });
  it("heals with the workload, after a time or at an event; then the workload runs again", () => {
    const heal = (change: Record<string, string>) => parseScenario(text(change), "x.yaml").heal;
    expect(heal({ liveness_within: "2s" })).toEqual({ at: { end: true }, withinNs: 2e9 });
    expect(heal({ heal_at: "5ms", liveness_within: "1s" })).toEqual({ at: { ns: 5e6 }, withinNs: 1e9 });
    expect(heal({ heal_at: "guest.unbind" })).toEqual({ at: { event: "guest.unbind" }, withinNs: 10e9 });
    expect(parseScenario(text({ liveness_within: "2s" }), "x.yaml").expect.after).toBe("succeeds");
  });
});
