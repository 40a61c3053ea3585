import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "faultline-campaign-"));
afterAll(() => rmSync(dir, { recursive: true }));
const faultline = (...args: string[]) => spawnSync(process.execPath, [main, "campaign", ...args], { encoding: "utf8", cwd: dir });
const linesOf = (text: string): string[] => text.trimEnd().split("\n");

describe("faultline campaign", { timeout: 120_000 }, () => {
  it("says the verdict first, a row for each scenario, and last the command that repeats it; of what passes no file remains", () => {
    const { status, stdout, stderr } = faultline("drop-page-response", "s38-bind-fails", "--seeds", "2", "--jobs", "2");
    const lines = linesOf(stdout);
    expect([status, stderr, lines[0]]).toEqual([0, "", "verdict: pass, 4 of 4 experiments pass"]);
    expect(lines.slice(2, 4)).toEqual([expect.stringMatching(/^drop-page-response +2 of 2 +\d+$/), expect.stringMatching(/^s38-bind-fails +2 of 2 +\d+$/)]);
    expect(lines.at(-1)).toBe("npx faultline campaign drop-page-response s38-bind-fails --seeds 2");
    expect(existsSync(join(dir, "runs"))).toBe(false);
  });
  it("is one history of digests, however many cores it has", () => {
    const digests = ["1", "2"].map((jobs) => JSON.parse(faultline("s38-bind-fails", "--seeds", "3", "--jobs", jobs, "--json").stdout).digest);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(digests[1]).toBe(digests[0]);
  });
  it("runs what fails first of a scenario again for its report, and shrinks it", () => {
    const { status, stdout } = faultline("drop-page-response", "--seeds", "2", "--mutants", "M-no-job-timeout", "--shrink", "--out", "failed", "--json");
    const { verdict, scenarios, reports } = JSON.parse(stdout);
    expect([status, verdict, scenarios[0].passed]).toEqual([1, "violation", 0]);
    expect(scenarios[0].failed.map((run: { seed: number; violated: string[] }) => [run.seed, run.violated[0]])).toEqual([
      [1, "INV-1"],
      [2, "INV-1"],
    ]);
    const [report, ...others] = reports;
    expect([others.length, report.seed, report.message]).toEqual([0, 1, expect.stringMatching(/^INV-1: endpoint 0x8, PASID 1, group 0: never answered/)]);
    expect(JSON.parse(readFileSync(join(report.dir, "report.json"), "utf8")).verdict).toBe("violation");
    const again = spawnSync(process.execPath, [main, "run", report.shrunk.file, "--seed", "1", "--mutants", "M-no-job-timeout", "--out", "again"], {
      encoding: "utf8",
      cwd: dir,
    });
    expect([again.status, linesOf(again.stdout)[0]]).toEqual([1, expect.stringMatching(/^verdict: violation of INV-1\b/)]);
  });
  it("--caught runs the switches that scenarios name, and counts the seeds with which their checker names something", () => {
    const { status, stdout } = faultline("drop-page-response", "s38-bind-fails", "--caught", "--seeds", "2");
    const lines = linesOf(stdout);
    expect([status, lines[0]]).toEqual([0, "verdict: 2 of 2 switches caught"]);
    expect(lines.slice(2, 4)).toEqual([
      expect.stringMatching(/^drop-page-response +M-no-job-timeout +2 of 2 +INV-1$/),
      expect.stringMatching(/^s38-bind-fails +RR-84 +2 of 2 +INV-7$/),
    ]);
  });
  it("refuses by name what it cannot do", () => {
    const of = (...args: string[]) => {
      const { status, stdout } = faultline(...args, "--json");
      return [status, JSON.parse(stdout).error.field];
    };
    expect(of("no-such")).toEqual([2, "scenario"]);
    expect(of("--seeds", "0")).toEqual([2, "seeds"]);
    expect(of("--jobs", "x")).toEqual([2, "jobs"]);
    expect(of("--mutants", "M-nothing")).toEqual([2, "mutants"]);
    expect(of("guest-dies", "--caught", "--mutants", "S13")).toEqual([2, "caught"]);
    expect(of("drop-page-response", "--seed", "4294967290", "--seeds", "20")).toEqual([2, "seeds"]);
  });
});
