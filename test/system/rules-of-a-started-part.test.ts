import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readHistory } from "@faultline/lab/history/history.ts";
import { describe, expect, it } from "vitest";
import { faultline, runtimeDirectory } from "../support/faultline.ts";

const scenario = join(runtimeDirectory, "restart.yaml");
writeFileSync(
  scenario,
  `id: rules-of-a-started-part
title: A guest that is started anew is under the rules of the run, which go on counting
source: design.md, section 6
workload: { operation: sha256, file: { bytes: 65536 }, pagesPerGroup: 2, jobTimeout: 60s }
hypothesis: { during: "A rule for what only a boot says meets the second one; a rule that is used up does not come back with it." }
faults:
  - { id: boot, where: "guest->vmm setStatus", when: { nth: 1 }, do: delay, for: 1us }
  - { id: once, where: "guest->vmm available", when: { times: 1 }, do: delay, for: 1us }
  - { id: kept, where: "guest->vmm page-resp-request", when: { after: 1, times: 1 }, do: hold } # so that the job is not over before
  - { where: guest0, when: { after: edge.rule, nth: 2 }, do: restart }
expect: { workload: fails, error: guest0 is lost }
`,
);

/** Rules are the run's: they end with it or with heal, not with a part (issue 6, 2 and 3). */
describe.each(["sim", "processes"])("a part that is started while rules are armed, --mode %s", (mode) => {
  it("boots under them, and they count on from where they were", { timeout: 60_000 }, async () => {
    const out = join(runtimeDirectory, mode);
    const run = await faultline("run", scenario, "--mode", mode, "--out", out, "--json");
    expect([run.code, run.json().verdict], run.stdout).toEqual([0, "pass"]);
    const events = readHistory(readFileSync(join(out, "history.ndjson"), "utf8"));
    const started = events.find(({ kind, fields }) => kind === "lab.part" && fields.did === "start")!;
    const fired = (id: string) => events.filter(({ kind, fields }) => kind === "edge.rule" && fields.rule === id).map(({ n }) => n > started.n);
    expect({ boot: fired("boot"), once: fired("once") }).toEqual({ boot: [true], once: [false] });
    const again = events.filter(({ n, who, kind, fields }) => n > started.n && who === "guest0" && kind === "edge.send" && fields.kind === "available");
    expect(again.length).toBeGreaterThan(0); // the boot says what the rule that is used up was for
  });
});
