import { describe, expect, it } from "vitest";
import { loadScenario, parseScenario, scenarioIds } from "./load-scenario.ts";

const text = (change: Record<string, string> = {}) =>
  Object.entries({
    id: "x",
    title: "t",
    source: "S31",
    workload: "{ operation: copy, file: { bytes: 4096 } }",
    hypothesis: "{ during: nothing is lost }",
    faults: '[{ where: "vmm->host page-response", do: drop }]',
    expect: "{ workload: succeeds }",
    ...change,
  })
    .filter(([, value]) => value !== "")
    .map(([field, value]) => `${field}: ${value}`)
    .join("\n");
const fault = (fields: string) => text({ faults: `[{ ${fields} }]` });

describe("a scenario file (design.md, section 6)", () => {
  it("every published one loads", () => {
    expect(scenarioIds()).toContain("drop-page-response");
    for (const id of scenarioIds()) expect(loadScenario(id).id).toBe(id);
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

  const refused: [string, string, RegExp][] = [
    ["no hypothesis", text({ hypothesis: "" }), /^x\.yaml:1: hypothesis is missing$/],
    ["a hypothesis that is one sentence", text({ hypothesis: "h" }), /^x\.yaml:5: hypothesis must be object$/],
    ["a hypothesis that says nothing about the faults", text({ hypothesis: "{ after: h }" }), /^x\.yaml:5: hypothesis\.during is missing$/],
    ["an unknown field", text({ faultz: "[]" }), /^x\.yaml:8: faultz is not a field of a scenario$/],
    [
      "a program and an operation at once",
      text({ workload: "{ processes: 1, pages: 1, jobs: 1, mix: { copy: 1 }, file: { bytes: 1 } }" }),
      /^x\.yaml:4: workload\.file is not a field/,
    ],
    ["a share beyond 1", text({ workload: "{ processes: 1, pages: 1, jobs: 1, mix: { copy: 1 }, exit: 2 }" }), /^x\.yaml:4: workload\.exit must be <= 1$/],
    ["an edge that does not exist", fault('where: "guest->host ioctl", do: drop'), /^x\.yaml:6: faults\.0\.where guest->host is no direction/],
    ["a message of another edge", fault('where: "vmm->host mmioWrite", do: drop'), /faults\.0\.where mmioWrite does not cross this edge/],
    ["a point that does not exist", fault('where: "point guest.nowhere", do: hold'), /faults\.0\.where guest\.nowhere is no point/],
    ["a part that the machine has not", fault("where: guest3, do: kill"), /faults\.0\.where guest3 is no part of the machine: smmu, host, vmm0, guest0/],
    ["a message that is killed", fault("where: guest0, do: drop"), /faults\.0\.do drop is nothing that can be done to a part/],
    ["an action that the rule's place does not know", fault('where: "smmu:cmdq", do: drop'), /faults\.0\.do\.action drop is none of stuck, abort/],
    ["a delay without its time", fault('where: "vmm->host ioctl", do: delay'), /faults\.0\.for is missing/],
    ["a condition on a field that is not there", fault('where: "vmm->host page-response", when: { condition: "m.colour == 3" }, do: drop'), /faults\.0\.when\.condition/],
    ["an event that does not exist", fault("where: guest0, when: { after: guest.sleeps }, do: kill"), /faults\.0\.when\.after guest\.sleeps is no kind of event/],
    ["a mutant that nobody has", text({ mutants: "[M-nobody]" }), /mutants\.0 M-nobody is no defect or mutant/],
    ["an end for a run that never heals", text({ expect: "{ workload: fails, after: succeeds }" }), /expect\.after needs heal_at or liveness_within/],
    ["a machine that cannot be", text({ machine: "{ smmu: { ats: false } }" }), /smmu\.pri needs smmu\.ats/],
  ];
  it.each(refused)("with %s is refused, naming line and field", (_what, yaml, message) => {
    expect(() => parseScenario(yaml, "x.yaml")).toThrow(message);
  });
});
