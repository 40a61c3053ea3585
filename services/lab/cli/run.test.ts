import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const root = fileURLToPath(new URL("../../../", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "faultline-run-"));
afterAll(() => rmSync(dir, { recursive: true }));
const faultline = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8", cwd: dir });
const linesOf = (text: string): string[] => text.trimEnd().split("\n");

describe("faultline run", { timeout: 60_000 }, () => {
  it("says the verdict first, then what was violated with its events, and last the command that reproduces it", () => {
    const { status, stdout, stderr } = faultline("run", "drop-page-response", "--mutants", "M-no-job-timeout", "--out", "why");
    const lines = linesOf(stdout);
    expect([status, stderr]).toEqual([1, ""]); // no progress where there is no terminal
    expect(lines[0]).toMatch(/^verdict: violation of INV-1\b/);
    const violated = lines.findIndex((line) => line.startsWith("violated: INV-1: endpoint 0x8, PASID 1, group 0: never answered"));
    expect(lines[violated + 1]).toMatch(/^ {4}#\d+ \[ +\d+\.\d{6}\] smmu pri-queue\.record: sid=0x8 pasid=1 grpid=0 .* last/);
    expect(lines.at(-1)).toBe("npx faultline run drop-page-response --mode sim --seed 1 --mutants M-no-job-timeout");
  });

  it("--abi puts the scenario on the other wire, and stands in the command that reproduces it", () => {
    const { status, stdout } = faultline("run", "drop-page-response", "--abi", "rfc-v1", "--out", "posted");
    expect([status, linesOf(stdout).at(-1)]).toEqual([0, "npx faultline run drop-page-response --mode sim --seed 1 --abi rfc-v1"]);
    expect(readFileSync(join(dir, "posted/history.ndjson"), "utf8")).not.toBe(readFileSync(join(dir, "why/history.ndjson"), "utf8"));
  });

  it("--machine puts another machine under the scenario, whose own sections go over it; repro.sh keeps it (interfaces.md, section 11)", () => {
    const own = join(dir, "small queue.yaml");
    writeFileSync(own, "smmu: { priqLog2: 1, caches: { walk: 64, tlb: 128 } }\n");
    const file = join(dir, "over.yaml");
    writeFileSync(file, `${readFileSync(join(root, "services/lab/scenarios/drop-page-response.yaml"), "utf8")}machine: { smmu: { caches: { tlb: 256 } } }\n`);
    const { stdout } = faultline("run", file, "--machine", own, "--out", "machine");
    expect(linesOf(stdout).at(-1)).toBe(`npx faultline run ${file} --mode sim --seed 1 --machine '${own}'`);
    const { machine, digest } = JSON.parse(readFileSync(join(dir, "machine/report.json"), "utf8"));
    expect({ priqLog2: machine.smmu.priqLog2, ...machine.smmu.caches }).toEqual({ priqLog2: 1, walk: 64, tlb: 256, config: 65536 });
    rmSync(own);
    expect(spawnSync("sh", [join(dir, "machine/repro.sh")], { encoding: "utf8", cwd: "/" }).stderr).toContain(`history: the same, sha256 ${digest}`);
  });

  it("leaves a repro.sh that yields the same history, from another directory too", () => {
    const { digest } = JSON.parse(readFileSync(join(dir, "why/report.json"), "utf8"));
    const { status, stdout, stderr } = spawnSync("sh", [join(dir, "why/repro.sh")], { encoding: "utf8", cwd: "/" });
    expect([status, linesOf(stdout)[0]]).toEqual([1, expect.stringMatching(/^verdict: violation of INV-1\b/)]);
    expect(stderr).toContain(`history: the same, sha256 ${digest}`);
    expect(JSON.parse(readFileSync(join(dir, "why/again/report.json"), "utf8")).digest).toBe(digest);
  });

  it("reproduces a scenario of one's own from the directory alone, wherever the file went", () => {
    mkdirSync(join(dir, "my own"));
    const file = join(dir, "my own/lost answer.yaml");
    writeFileSync(file, readFileSync(join(root, "services/lab/scenarios/drop-page-response.yaml"), "utf8").replace("id: drop-page-response", "id: lost-answer"));
    const first = faultline("run", "my own/lost answer.yaml", "--out", "own");
    expect([first.status, linesOf(first.stdout).at(-1)]).toEqual([0, `npx faultline run '${file}' --mode sim --seed 1`]);
    rmSync(file);
    const again = spawnSync("sh", ["repro.sh"], { encoding: "utf8", cwd: join(dir, "own") });
    expect([again.status, again.stderr]).toEqual([0, expect.stringContaining("history: the same")]);
  });

  it("tells of a mistaken repetition that the history is another one", () => {
    const script = join(dir, "own/repro.sh");
    writeFileSync(script, readFileSync(script, "utf8").replace("--seed 1", "--seed 2"));
    expect(spawnSync("sh", [script], { encoding: "utf8" }).stderr).toMatch(/^history: another one than [0-9a-f]{64}/);
  });

  it("--seeds prints a row a seed, and ends with the command for the first that does not pass", () => {
    const { status, stdout } = faultline("run", "drop-page-response", "--mutants", "M-no-job-timeout", "--seed", "5", "--seeds", "2");
    const lines = linesOf(stdout);
    expect([status, lines[0]]).toEqual([1, "verdict: violation, 0 of 2 seeds pass"]);
    expect(lines.slice(2, 4)).toEqual([expect.stringMatching(/^5 +violation .* INV-1/), expect.stringMatching(/^6 +violation .* INV-1/)]);
    expect(lines.at(-1)).toBe("npx faultline run drop-page-response --mode sim --seed 5 --mutants M-no-job-timeout");
  });

  it("--seeds --json is one object; of seeds that pass nothing else remains", () => {
    rmSync(join(dir, "runs"), { recursive: true });
    const { status, stdout } = faultline("run", "drop-page-response", "--seeds", "2", "--json");
    const { verdict, seeds, assertions } = JSON.parse(stdout);
    expect([status, verdict, seeds.map((row: { seed: number; verdict: string; dir: string | null }) => [row.seed, row.verdict, row.dir])]).toEqual([
      0,
      "pass",
      [
        [1, "pass", null],
        [2, "pass", null],
      ],
    ]);
    expect(new Set(seeds.map((row: { digest: string }) => row.digest)).size).toBe(2);
    expect(existsSync(join(dir, "runs"))).toBe(false);
    const counted = seeds.map((row: { counters: { assertions: Record<string, { reached: number }> } }) => row.counters.assertions["A-write-fault"].reached);
    const sum = assertions.find(({ id }: { id: string }) => id === "A-write-fault");
    expect(sum).toEqual({ id: "A-write-fault", kind: "sometimes", reached: counted[0] + counted[1], held: expect.any(Number) });
    // Another process with the same seed has the same history, to the byte (design.md, section 4).
    const again = JSON.parse(faultline("run", "drop-page-response", "--seed", "2", "--json", "--out", "again").stdout);
    expect(again.digest).toBe(seeds[1].digest);
    expect(Object.keys(again)).toEqual(["verdict", "violations", "seed", "digest", "counters", "dir"]);
  });
});

describe("a run that breaks off", { timeout: 60_000 }, () => {
  const small = join(dir, "small.yaml");
  writeFileSync(
    small,
    `id: small
title: The TLB is full and never evicts
source: M-never-evict
machine: { smmu: { caches: { tlb: 2, config: 2, walk: 0 } } }
workload: { operation: sha256, file: { bytes: 65536 } }
hypothesis: { during: Nothing is lost. }
faults: []
expect: { workload: succeeds }
mutants: [M-never-evict]
`,
  );
  it("has a verdict, a report that tells how far it came, and a command; judged again it is the same", () => {
    const { status, stdout } = faultline("run", small, "--out", "broken");
    const lines = linesOf(stdout);
    expect([status, lines[0]]).toEqual([3, "verdict: error: the run broke off: the tlb cache is full at 2 entries and never evicts (M-never-evict)"]);
    expect(lines.at(-1)).toMatch(/^npx faultline run .*small\.yaml --mode sim --seed 1$/);
    expect(readFileSync(join(dir, "broken/report.html"), "utf8")).toContain(">the run broke off: the tlb cache is full");
    expect(linesOf(readFileSync(join(dir, "broken/history.ndjson"), "utf8")).at(-1)).toContain('"kind":"lab.broken-off"');
    expect(JSON.parse(readFileSync(join(dir, "broken/report.json"), "utf8")).error).toMatch(/^the run broke off: the tlb cache/);
    const again = faultline("judge", "broken");
    expect([again.status, linesOf(again.stdout)[0]]).toEqual([3, lines[0]]);
  });
  it("is a row of the table, and ends no other; seeds beyond the last are refused", () => {
    const { status, stdout } = faultline("run", small, "--seeds", "2");
    const lines = linesOf(stdout);
    expect([status, lines[0]]).toEqual([3, "verdict: error, 0 of 2 seeds pass"]);
    expect(lines.slice(2, 4)).toEqual([expect.stringMatching(/^1 +error .* never evicts/), expect.stringMatching(/^2 +error .* never evicts/)]);
    expect(faultline("run", small, "--seed", "4294967295", "--seeds", "2").status).toBe(2);
  });
});

describe("faultline explain", () => {
  it("knows every id that another command prints", { timeout: 60_000 }, async () => {
    const { knownIds, explanationOf } = await import("./scenarios.ts");
    const ids = [...knownIds(), "hypothesis", "lab.heal"];
    expect(ids.length).toBeGreaterThan(100);
    expect(ids.filter((id) => !explanationOf(id)?.lines.every((line) => line.trim()))).toEqual([]);
    const files = ids.flatMap((id) => explanationOf(id)!.lines.flatMap((line) => (line.startsWith("where: ") ? [line.slice("where: ".length)] : [])));
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
    expect(files).toContain("shared/linux/iopf-queue.ts");
  });
  it("tells of every finding of the review where it is switched on and what shows it, or why it cannot be", async () => {
    const { explanationOf } = await import("./scenarios.ts");
    const { findings } = await import("../scenarios/from-the-review.ts");
    for (const { id, on, shown, reason } of findings()) {
      const text = explanationOf(id)!.lines.join("\n");
      expect(text, id).toMatch(on ? (shown && "test" in shown ? /^test: \S+\.test\.ts$/m : /^ {2}npx faultline run \S+ --defects /m) : /^no switch: /m);
      expect(text, id).toContain(reason);
    }
    expect(explanationOf("RR-19")!.lines).toContain("as-posted is without it: the guest finds PRI enabled by the host and gives up");
    expect(explanationOf("RR-86")!.lines).toEqual(expect.arrayContaining(["as-posted has it", "test: services/guest/core/virtio-iommu/fault-report.test.ts"]));
    expect(explanationOf("RR-09")!.lines).toContain("  npx faultline run guest-pauses --defects RR-09 --mutants M-no-job-timeout -> INV-1");
    expect(explanationOf("RR-42")!.lines).toEqual(["unrecoverable type is 1", "switched on by: --abi rfc-v1", "test: services/guest/core/virtio-iommu/abi.test.ts"]);
    expect(explanationOf("RR-96")).toBeNull();
  });
});
