import { describe, expect, it } from "vitest";
import { loadScenario, parseScenario, scenarioIds } from "./load-scenario.ts";

const text = (change: Record<string, string> = {}) =>
  Object.entries({
    id: "x",
    title: "t",
    source: "S31",
    workload: "{ operation: copy, file: { bytes: 4096 } }",
    hypothesis: "h",
    faults: '[{ where: "vmm->host page-response", do: drop }]',
    expect: "{ workload: succeeds }",
    ...change,
  })
    .filter(([, value]) => value !== "")
    .map(([field, value]) => `${field}: ${value}`)
    .join("\n");

describe("a scenario file", () => {
  it("every published one loads", () => {
    expect(scenarioIds()).toContain("drop-page-response");
    for (const id of scenarioIds()) expect(loadScenario(id).id).toBe(id);
  });
  it("becomes rules, a workload and a machine", () => {
    const scenario = parseScenario(text({ faults: '[{ where: "smmu->host interrupt", when: { every: 2, times: 3 }, do: delay, for: 5ms }]' }), "x.yaml");
    expect(scenario.rules).toEqual([{ id: "fault-0", direction: "smmu->host", what: "interrupt", every: 2, times: 3, do: "delay", ns: 5e6 }]);
    expect(scenario).toMatchObject({ seed: 1, fileBytes: 4096, workload: { operation: "copy", file: "input", pagesPerGroup: 8, jobTimeoutNs: 10e9 } });
  });

  const refused: [string, string, RegExp][] = [
    ["no hypothesis", text({ hypothesis: "" }), /x\.yaml: hypothesis must have required property/],
    ["an unknown field", text({ faultz: "[]" }), /x\.yaml: faultz is not a field of a scenario/],
    ["an edge that does not exist", text({ faults: '[{ where: "guest->host ioctl", do: drop }]' }), /faults\.0\.where guest->host is no direction/],
    ["a message of another edge", text({ faults: '[{ where: "vmm->host mmioWrite", do: drop }]' }), /faults\.0\.where mmioWrite does not cross this edge/],
    ["a delay without its time", text({ faults: '[{ where: "vmm->host ioctl", do: delay }]' }), /faults\.0\.for is missing/],
    ["a machine that cannot be", text({ machine: "{ smmu: { ats: false } }" }), /smmu\.pri needs smmu\.ats/],
  ];
  it.each(refused)("with %s is refused, naming the field", (_what, yaml, message) => {
    expect(() => parseScenario(yaml, "x.yaml")).toThrow(message);
  });
});
