// `npm run mutants [-- --only N,M] [--list NAME]`: applies each source patch to a copy of the repository and runs the tests that should notice. Exit 1 if one does not.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { copyRepository } from "../support/repository-copy.ts";
import { suites } from "./suites.ts";

/** A source patch: `find` occurs exactly once in `file` and becomes `replace`; `sentence` says what the machine does then. */
export interface Mutant {
  file: string;
  find: string;
  replace: string;
  sentence: string;
}

const { values } = parseArgs({ options: { only: { type: "string" }, list: { type: "string" } } });

const REPORT = "mutant-report.json";
const BROKEN = "does not load";
/** Of one test: what a loaded machine makes slow is not noticed by it. */
const TEST_TIMEOUT_MS = 60_000;
const vitest = (copy: string, args: readonly string[]) =>
  spawnSync(
    process.execPath,
    [
      join(copy, "node_modules/vitest/vitest.mjs"),
      "run",
      "--root",
      copy,
      "--bail=1",
      `--testTimeout=${TEST_TIMEOUT_MS}`,
      "--reporter=json",
      `--outputFile.json=${join(copy, REPORT)}`,
      ...args,
    ],
    {
      cwd: copy,
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      timeout: 180_000,
      env: { ...process.env, FAULTLINE_MUTANT: "1", FAULTLINE_WALK_SEED: "1" },
    },
  );

/** The name of the first test that fails, "does not end" after three minutes, or null. */
function noticed(copy: string, tests: readonly (readonly string[])[]): string | null {
  for (const args of tests) {
    rmSync(join(copy, REPORT), { force: true });
    const { status, signal } = vitest(copy, args);
    if (status === 0) continue;
    // Without a report vitest was stopped: by the time limit, or out of memory.
    if (signal || !existsSync(join(copy, REPORT))) return "does not end";
    const report = JSON.parse(readFileSync(join(copy, REPORT), "utf8")) as { testResults: { message: string; assertionResults: { status: string; title: string }[] }[] };
    const failed = report.testResults.flatMap(({ assertionResults }) => assertionResults).find((test) => test.status === "failed");
    return failed?.title ?? report.testResults.find(({ message }) => message)?.message.split("\n")[0] ?? BROKEN;
  }
  return null;
}

const short = (text: string, width: number) => (text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width));

const copy = copyRepository("faultline-mutants-");
let [caught, survived, stale] = [0, 0, 0];
try {
  for (const [name, { tests, mutants }] of Object.entries(suites)) {
    if (values.list && values.list !== name) continue;
    const unpatched = noticed(copy, tests);
    if (unpatched !== null) throw new Error(`the tests of ${name} fail without a patch: ${unpatched}`);
    process.stdout.write(`${name}: ${mutants.length} patches\n`);
    for (const [i, { file, find, replace, sentence }] of mutants.entries()) {
      if (values.only && !values.only.split(",").includes(String(i + 1))) continue;
      const source = readFileSync(join(copy, file), "utf8");
      let verdict: string;
      if (source.split(find).length !== 2) {
        stale++;
        verdict = `STALE     ${file} does not have this text exactly once: ${find}`;
      } else {
        writeFileSync(
          join(copy, file),
          source.replace(find, () => replace),
        );
        const test = noticed(copy, tests);
        writeFileSync(join(copy, file), source);
        if (test === null) survived++;
        else if (test === BROKEN) stale++;
        else caught++;
        verdict = test === null ? "SURVIVED" : test === BROKEN ? "BROKEN    the patched source does not load" : `caught    ${test}`;
      }
      process.stdout.write(`${String(i + 1).padStart(3)}  ${short(sentence, 72)}  ${verdict}\n`);
    }
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
process.stdout.write(`mutants: ${caught} caught, ${survived} survived, ${stale} stale\n`);
process.exit(survived || stale || !caught ? 1 : 0);
