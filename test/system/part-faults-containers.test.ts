import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noEngine } from "../support/engine.ts";
import { faultline } from "../support/faultline.ts";

const FILES = ["report.html", "report.json", "junit.xml", "history.ndjson", "schedule.yaml", "trace.perfetto", "repro.sh"];

/** Each part and each kind of fault once; chaos-containers.test.ts looks at what every one of them leaves behind. */
describe.skipIf(noEngine !== null)(
  `a part is lost, stands still or is cut off while faults are in flight, in containers: a verdict each${noEngine ? `: skipped, ${noEngine}` : ""}`,
  () => {
    let out: string;
    beforeAll(() => {
      out = mkdtempSync(join(tmpdir(), "faultline-parts-"));
    });
    afterAll(() => rmSync(out, { recursive: true }));

    it.each([
      ["vmm-dies", "kill vmm0"],
      ["guest-pauses", "pause guest0"],
      ["host-is-cut-off", "partition host"],
      ["vmm-is-not-heard", "partition vmm0"],
      ["power-loss", "kill smmu"],
    ])("%s: passes, and leaves a report that says so", async (id, did) => {
      const dir = join(out, id);
      const run = await faultline("run", id, "--mode", "containers", "--out", dir, "--json");
      expect([run.code, run.json().verdict], run.stdout + run.stderr).toEqual([0, "pass"]);
      expect(FILES.filter((name) => !existsSync(join(dir, name)))).toEqual([]);
      const parts = readFileSync(join(dir, "history.ndjson"), "utf8")
        .split("\n")
        .filter((line) => line.includes('"kind":"lab.part"'))
        .map((line) => JSON.parse(line).fields);
      expect(parts.map((fields: { did: string; part: string }) => `${fields.did} ${fields.part}`)).toContain(did);
    });

    it("is a violation when the protection is taken away: the verdict is not a matter of form", async () => {
      const run = await faultline("run", "drop-page-response", "--mode", "containers", "--mutants", "M-no-job-timeout", "--out", join(out, "mutant"), "--json");
      expect([run.code, run.json().verdict], run.stdout + run.stderr).toEqual([1, "violation"]);
      expect(JSON.stringify(run.json().violations)).toContain("INV-1");
    });
  },
);
