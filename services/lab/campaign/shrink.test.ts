import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { parseScenario } from "../scenarios/load-scenario.ts";
import { judgedRun } from "./judged-run.ts";
import { shrink } from "./shrink.ts";

/** One response is lost; beside it stand a delay that does no harm, a rule of a part, sections and sizes that nothing depends on. */
const text = `
id: too-much
title: Too much
source: shrink.test.ts
machine: { smmu: { priqLog2: 7 }, edgeCredits: 1024 }
workload: { processes: 3, pages: 16, jobs: 3, mix: { copy: 1 }, munmap: 0.5, pagesPerGroup: 4, jobTimeout: 1s }
mutants: [M-no-job-timeout, M-over-invalidate]
hypothesis: { during: every group is answered }
faults:
  - { where: "vmm->guest event-report", when: { nth: 2 }, do: delay, for: 1ms }
  - { where: "vmm->host page-response", when: { nth: 1 }, do: drop }
  - { where: guest0, when: { at: 1ms }, do: pause, for: 1ms }
liveness_within: 10s
expect: { workload: succeeds, after: succeeds }
`;

describe("shrinking (design.md, section 4)", { timeout: 60_000 }, () => {
  it("leaves the fault that the violation needs, and a workload as small as it gets", async () => {
    const smaller = (await shrink(text, 1, [], "INV-1"))!;
    const file = parse(smaller.text);
    expect(file.faults).toEqual([{ id: "fault-1", where: "vmm->host page-response", when: { nth: 1 }, do: "drop" }]);
    expect(file.mutants).toEqual(["M-no-job-timeout"]);
    expect(file.machine ?? {}).toEqual({});
    expect(file.workload).toMatchObject({ processes: 1, pages: 1, jobs: 1, pagesPerGroup: 1 });
    expect(smaller.without).toContain("fault-0");
    const { judgement } = await judgedRun(parseScenario(smaller.text, "smaller"), 1, file.mutants);
    expect(judgement.violations.map(({ invariant }) => invariant)).toContain("INV-1");
    expect(await shrink(text, 1, [], "INV-1")).toEqual(smaller); // one for text, seed and switches
  });
  it("has nothing to say of a scenario that does not violate", async () => expect(await shrink(text, 1, [], "INV-4")).toBeNull());
  it("keeps the switches of the command line out of the file, and needs them", async () => {
    const bare = text.replace(/^mutants:.*\n/m, "");
    expect(await shrink(bare, 1, [], "INV-1")).toBeNull();
    expect(parse((await shrink(bare, 1, ["M-no-job-timeout"], "INV-1"))!.text).mutants).toBeUndefined();
  });
});
