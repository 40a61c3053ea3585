import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readHistory } from "@faultline/lab/history/history.ts";
import { describe, expect, it } from "vitest";
import { faultline, runtimeDirectory } from "../support/faultline.ts";

const scenario = join(runtimeDirectory, "release.yaml");
writeFileSync(
  scenario,
  `id: release-across-parts
title: What the VMM holds is let go by what happens in the host, once the guest has bound
source: design.md, section 6
workload: { operation: copy, file: { bytes: 200000 }, pagesPerGroup: 2, jobTimeout: 10s }
hypothesis: { during: "The held report is late, and nothing is lost." }
faults:
  - { id: late, where: "vmm->guest event-report", when: { after: guest.bind, nth: 1 }, do: hold }
  - { where: host.page-response.before-consume, when: { nth: 3 }, do: { action: release, rule: late } }
  - { where: "endpoint:00:01.0", when: { after: guest.page-response, nth: 2 }, do: evict }
expect: { workload: succeeds }
`,
);

/** One file, one implementation: the simulation and four processes keep the same order (issue 6, 3). */
describe.each(["sim", "processes"])("rules that go by what happens in other parts, --mode %s", (mode) => {
  it("a release, a gate and a moment cross the services", { timeout: 60_000 }, async () => {
    const out = join(runtimeDirectory, mode);
    const { code, stdout } = await faultline("run", scenario, "--mode", mode, "--out", out, "--json");
    expect([code, JSON.parse(stdout).verdict]).toEqual([0, "pass"]);
    const events = readHistory(readFileSync(join(out, "history.ndjson"), "utf8"));
    const rule = (id: string) => events.find(({ fields }) => fields.rule === id)!;
    const [held, released, evicted] = ["late", "fault-1", "fault-2"].map(rule);
    expect([held.who, released.who, evicted.who]).toEqual(["vmm0", "host", "smmu"]);
    const received = events.find(({ kind, ids }) => kind === "guest.event-received" && ids.gva === held.ids.iova && ids.grpid === held.ids.grpid)!;
    expect(received.n).toBeGreaterThan(released.n);
    expect(events.find(({ kind }) => kind === "guest.bind")!.n).toBeLessThan(held.n);
  });
});
