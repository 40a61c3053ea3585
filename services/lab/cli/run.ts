import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { writeHistory } from "../history/history.ts";
import { writeRun } from "../report/run-directory.ts";
import { runText } from "../report/run-text.ts";
import { EXIT } from "./errors.ts";
import { exitOf, historyOf, type RunOptions, recordOf, runOf } from "./one-run.ts";
import { numberOption } from "./options.ts";
import { outDirectory } from "./out-directory.ts";
import { progress, progressEnds } from "./progress.ts";
import { runSeeds } from "./run-seeds.ts";

const MAX_SEEDS = 10_000;

/** `faultline run`: one experiment, judged by the checkers; with `--seeds` one for each of so many seeds. */
export async function runCommand(idOrFile: string, options: RunOptions): Promise<number> {
  const run = runOf(idOrFile, options);
  outDirectory(options.out);
  if (options.seeds !== undefined) return runSeeds(run, numberOption("seeds", options.seeds, 1, MAX_SEEDS), options);
  progress(`${run.scenario.id}: starting (${run.mode})`);
  const history = await historyOf(run);
  if (options.checkDeterminism) {
    const differs = firstDivergence(history, await historyOf(run));
    if (differs) {
      progressEnds();
      const message = `two runs with seed ${run.seed} differ at line ${differs.line}: ${differs.first} against ${differs.second}`;
      process.stdout.write(options.json ? `${JSON.stringify({ ok: false, error: { kind: "violation", message, field: "determinism" } })}\n` : `${message}\n`);
      return EXIT.violation;
    }
  }
  const record = recordOf(run, history);
  const report = writeRun({ out: options.out ?? null, files: run.files }, record);
  progressEnds();
  process.stdout.write(`${options.json ? JSON.stringify(report) : runText(record, report.dir)}\n`);
  return exitOf(record.judgement.verdict);
}

/** The first line in which two histories differ; null: none. */
export function firstDivergence(a: readonly TraceEvent[], b: readonly TraceEvent[]): { line: number; first: string; second: string } | null {
  const [first, second] = [a, b].map((history) => writeHistory(history).split("\n"));
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    if (first[i] !== second[i]) return { line: i + 1, first: first[i] ?? "nothing", second: second[i] ?? "nothing" };
  }
  return null;
}
