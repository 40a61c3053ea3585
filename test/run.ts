// `npm test`: every check of the project in order, cheap ones first; the closing line counts the tests of all levels.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;
const reports = mkdtempSync(join(tmpdir(), "faultline-test-"));
const total = { passed: 0, failed: 0, skipped: 0 };
const broken: string[] = [];

function run(title: string, command: string, args: string[]): void {
  process.stdout.write(`\n== ${title}\n`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) broken.push(title);
}

run("format and lint", "biome", ["ci", "."]);
run("types", "tsc", ["-p", "."]);
run("generated code is fresh", process.execPath, ["shared/gen/generate.ts", "--check"]);

for (const level of ["unit", "conformance", "contract", "scenario", "system"]) {
  const report = join(reports, `${level}.json`);
  run(level, "vitest", ["run", "--project", level, "--reporter=dot", "--reporter=json", `--outputFile.json=${report}`]);
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, "utf8"));
    total.passed += numPassedTests;
    total.failed += numFailedTests;
    total.skipped += numPendingTests;
  } catch {
    if (!broken.includes(level)) broken.push(level);
  }
}

rmSync(reports, { recursive: true });
if (broken.length) process.stdout.write(`\nfailed: ${broken.join(", ")}\n`);
process.stdout.write(`\ntests: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exit(broken.length || total.failed || !total.passed ? 1 : 0);
