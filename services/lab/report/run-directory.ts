import { lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { stringify } from "yaml";
import { checkers } from "../checkers/index.ts";
import type { Counters } from "./counters.ts";
import { reportHtml } from "./html.ts";
import { junitXml } from "./junit.ts";
import { perfettoTrace } from "./perfetto.ts";
import { reproSh } from "./repro.ts";
import type { RunRecord } from "./run-record.ts";
import type { Judgement } from "./verdict.ts";

/** What `run --json` prints. */
export interface RunReport {
  verdict: string;
  violations: Judgement["violations"];
  seed: number;
  digest: string;
  counters: Counters;
  dir: string;
  /** With the verdict "error" only: what broke the run off, or which fault never happened. */
  error?: string;
}

/** What `writeRun` writes beside what is judged. */
export interface WriteOptions {
  /** null: a new directory in `runs/` of the working directory, to which `runs/latest` then points. */
  out: string | null;
  files?: RunFiles;
}

/** Texts that the directory keeps, so that `repro.sh` does not depend on where they came from. */
export interface RunFiles {
  /** The scenario's file, when it is none of those that are shipped. */
  scenario?: string;
  /** The machine file of `--machine`. */
  machine?: string;
}

/**
 * Writes what a run leaves: `report.html`, `report.json`, `junit.xml`, `history.ndjson`, `schedule.yaml`, `trace.perfetto`, `repro.sh`, `scenario.yaml` of a scenario that is not shipped, and `machine.yaml` of `--machine`.
 */
export function writeRun({ out, files = {} }: WriteOptions, record: RunRecord): RunReport {
  const { scenario, how, history } = record;
  mkdirSync(out ?? "runs", { recursive: true });
  const dir = resolve(out ?? mkdtempSync(join("runs", `${scenario.id}-${how.mode}-seed${how.seed}-`)));
  writeFileSync(join(dir, "history.ndjson"), record.lines);
  writeFileSync(join(dir, "trace.perfetto"), perfettoTrace(history));
  writeFileSync(join(dir, "schedule.yaml"), scheduleYaml(record));
  for (const name of ["scenario", "machine"] as const) {
    const path = join(dir, `${name}.yaml`);
    if (files[name] === undefined)
      rmSync(path, { force: true }); // of another run in the same directory
    else writeFileSync(path, files[name]);
  }
  writeFileSync(join(dir, "repro.sh"), reproSh(record, files), { mode: 0o755 });
  const report = writeJudgement(dir, record);
  if (out === null) pointLatest(dir);
  return report;
}

/** The files that depend on the judgement: a history that is judged again gets them anew. */
export function writeJudgement(dir: string, record: RunRecord): RunReport {
  const { scenario, how, judgement, digest, counters } = record;
  const { verdict, violations, error } = judgement;
  const report: RunReport = { verdict, violations, seed: how.seed, digest, counters, dir, ...(error === null ? {} : { error }) };
  writeFileSync(join(dir, "report.json"), `${JSON.stringify(reportJson(record, report), null, 2)}\n`);
  writeFileSync(join(dir, "report.html"), reportHtml(record));
  writeFileSync(join(dir, "junit.xml"), junitXml(scenario, how.seed, checkers, judgement));
  return report;
}

/** `report.json` (its schema: schema.json) holds what `judge` needs besides the history: the rules, the expectation and the conditions of the run. */
const reportJson = ({ scenario, how, judgement, assertions, parameters }: RunRecord, report: RunReport) => ({
  schema: "faultline-report/1",
  scenario: scenario.id,
  title: scenario.title,
  source: scenario.source,
  hypothesis: scenario.hypothesis,
  ...report,
  error: judgement.error,
  ...how,
  drawn: parameters.drawn,
  expect: scenario.expect,
  rules: scenario.rules,
  partFaults: scenario.partFaults ?? [],
  heal: scenario.heal ?? null,
  workload: scenario.workload,
  fileBytes: scenario.fileBytes,
  drawProgramSeed: scenario.drawProgramSeed,
  machine: scenario.machine,
  assertions,
  checkers: checkers.map(({ id, sentence }) => ({ id, sentence, violations: judgement.violations.filter(({ invariant }) => invariant === id).length })),
});

/** What was to happen to messages, and what did. */
function scheduleYaml({ scenario, how, history }: RunRecord): string {
  const fired = history.filter(({ fields }) => fields.rule !== undefined).map(({ n, t, ids, fields }) => ({ n, t, ...ids, ...fields }));
  return stringify({ scenario: scenario.id, mode: how.mode, seed: how.seed, mutants: how.mutants, rules: [...scenario.rules, ...(scenario.partFaults ?? [])], fired });
}

/** `latest` beside the directory; something else of that name is left alone. */
function pointLatest(dir: string): void {
  const link = join(dirname(dir), "latest");
  const there = lstatSync(link, { throwIfNoEntry: false });
  if (there && !there.isSymbolicLink()) return;
  rmSync(link, { force: true });
  symlinkSync(basename(dir), link);
}
