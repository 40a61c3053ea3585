import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { faultline } from "../support/faultline.ts";

const dir = mkdtempSync(join(tmpdir(), "faultline-broken-"));
afterAll(() => rmSync(dir, { recursive: true }));
const file = join(dir, "full.yaml");
writeFileSync(
  file,
  `id: full
title: The TLB is full and never evicts, so that the hardware stops
source: M-never-evict
machine: { smmu: { caches: { tlb: 2, config: 2, walk: 0 } } }
workload: { operation: sha256, file: { bytes: 65536 } }
hypothesis: { during: Nothing is lost. }
faults: []
expect: { workload: succeeds }
mutants: [M-never-evict]
`,
);

describe("a run that a part of the machine breaks off (issue 6, 3: one implementation in every mode)", () => {
  it.each(["sim", "processes"])("--mode %s: verdict error, exit 3, and a report with what was seen until then", async (mode) => {
    const out = join(dir, mode);
    const run = await faultline("run", file, "--mode", mode, "--out", out, "--json");
    expect(run.code, run.stderr).toBe(3);
    const said = run.json();
    expect(said).toMatchObject({ verdict: "error", violations: [], dir: out, error: expect.stringMatching(/^the run broke off: .*the tlb cache is full at 2 entries/) });
    const history = readFileSync(join(out, "history.ndjson"), "utf8").trimEnd().split("\n");
    expect(history.length).toBeGreaterThan(20);
    expect(history.some((line) => line.includes('"kind":"lab.workload-start"'))).toBe(true);
    expect(history.at(-1)).toContain('"kind":"lab.broken-off"');
    for (const name of ["report.html", "report.json", "junit.xml", "schedule.yaml", "trace.perfetto", "repro.sh"]) expect(existsSync(join(out, name)), name).toBe(true);
    const again = await faultline("judge", out, "--json");
    expect([again.code, again.json().verdict, again.json().digest]).toEqual([3, "error", said.digest]);
  });
});
