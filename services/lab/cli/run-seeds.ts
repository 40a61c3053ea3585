import { join } from "node:path";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import { type AssertionCount, isUnmet, sumAssertions } from "../assertions/assertion.ts";
import type { Counters } from "../report/counters.ts";
import { durationText } from "../report/markup.ts";
import { writeRun } from "../report/run-directory.ts";
import type { Verdict } from "../report/verdict.ts";
import { Failure, inputError } from "./errors.ts";
import { exitOf, historyOf, type Run, type RunOptions, recordOf } from "./one-run.ts";
import { progressEnds, progressOf } from "./progress.ts";
import { columns } from "./table.ts";

interface SeedRow {
  seed: number;
  verdict: Verdict;
  violated: string[];
  error: string | null;
  /** null: the run broke off, so that there is no history to judge. */
  digest: string | null;
  counters: Counters | null;
  /** null: of a seed that passes only its row remains, unless `--out` asks for its directory. */
  dir: string | null;
}

/** `faultline run --seeds N`: the experiment with N seeds in a row from the first. A table; the exit code is that of the worst verdict. A run that breaks off is one row and ends no other. */
export async function runSeeds(first: Run, count: number, options: RunOptions): Promise<number> {
  if (first.seed + count > 2 ** 32) throw inputError(`--seeds ${count}: seeds end at 4294967295`, "seeds");
  const rows: SeedRow[] = [];
  const sums: AssertionCount[][] = [];
  for (let seed = first.seed; seed < first.seed + count; seed++) {
    progressOf(`${rows.length + 1} of ${count}, ${rows.filter(({ verdict }) => verdict !== "pass").length} not passed: `);
    rows.push(await rowOf({ ...first, seed }, options.out, sums));
  }
  progressEnds();
  const worst = (["violation", "error", "pass"] as const).find((one) => rows.some(({ verdict }) => verdict === one))!;
  const failed = rows.filter(({ verdict }) => verdict !== "pass");
  const counts = sumAssertions(sums);
  const command = failed.length ? first.command(failed[0].seed) : `${first.command(first.seed)} --seeds ${count}`;
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ verdict: worst, scenario: first.scenario.id, seeds: rows, assertions: counts.map(({ id, kind, reached, held }) => ({ id, kind, reached, held })), command })}\n`
      : `${tableText(worst, rows, unmetText(counts), command)}\n`,
  );
  return exitOf(worst);
}

/** Assertions that no seed has met: what these runs do not exercise. */
function unmetText(counts: readonly AssertionCount[]): string[] {
  const unmet = counts.filter(isUnmet).map(({ id }) => id);
  return unmet.length ? [`not seen with any seed (faultline explain ID): ${unmet.join(", ")}`] : [];
}

async function rowOf(run: Run, out: string | undefined, sums: AssertionCount[][]): Promise<SeedRow> {
  const { seed } = run;
  try {
    const record = recordOf(run, await historyOf(run));
    const { verdict, violations, error } = record.judgement;
    sums.push(record.assertions);
    const keep = verdict !== "pass" || out !== undefined;
    const dir = keep ? writeRun({ out: out === undefined ? null : join(out, `seed-${seed}`), files: run.files }, record).dir : null;
    const violated = [...new Set(violations.map(({ invariant }) => invariant))];
    return { seed, verdict, violated, error, digest: record.digest, counters: record.counters, dir };
  } catch (error) {
    if (!(error instanceof InfrastructureError || (error instanceof Failure && error.kind === "infrastructure"))) throw error;
    return { seed, verdict: "error", violated: [], error: error.message, digest: null, counters: null, dir: null };
  }
}

function tableText(worst: Verdict, rows: readonly SeedRow[], unmet: readonly string[], command: string): string {
  const failed = rows.filter(({ verdict }) => verdict !== "pass").length;
  const cells = rows.map(({ seed, verdict, violated, error, digest, counters, dir }) => [
    String(seed),
    verdict,
    String(counters?.events ?? "-"),
    counters ? durationText(counters.ns) : "-",
    digest?.slice(0, 12) ?? "-",
    [violated.join(", "), error, dir].filter(Boolean).join("  "),
  ]);
  const head = ["seed", "verdict", "events", "time", "history", failed ? "violated, report" : ""];
  return [`verdict: ${worst}, ${rows.length - failed} of ${rows.length} seeds pass`, ...columns([head, ...cells]), ...unmet, command]
    .map((line) => line.trimEnd())
    .join("\n");
}
