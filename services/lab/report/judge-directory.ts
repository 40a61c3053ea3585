import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Ajv } from "ajv";
import { readHistory } from "../history/history.ts";
import { type RunReport, writeJudgement } from "./run-directory.ts";
import { type ReportedScenario, type RunConditions, type RunRecord, recordRun } from "./run-record.ts";
import schema from "./schema.json" with { type: "json" };
import { judgeRun } from "./verdict.ts";

/** A run judged again. `before` is the verdict that its report had. */
export interface Rejudgement {
  record: RunRecord;
  report: RunReport;
  before: string;
}

/** The published shape of `report.json`. */
const validator = new Ajv({ allowUnionTypes: true });
const isReport = validator.compile<ReportFile>(schema);

interface ReportFile extends Omit<RunConditions, "parameters"> {
  scenario: string;
  title: string;
  source: string;
  hypothesis: string;
  verdict: string;
  digest: string;
  rules: ReportedScenario["rules"];
  partFaults?: ReportedScenario["partFaults"];
  heal?: ReportedScenario["heal"];
  expect: ReportedScenario["expect"];
  parameters?: Record<string, unknown>;
  machine?: ReportedScenario["machine"];
  workload?: ReportedScenario["workload"];
  fileBytes?: number;
  drawProgramSeed?: boolean;
}

/**
 * Judges the history of a run directory with the checkers of today, and writes `report.html`, `report.json` and `junit.xml` anew; the history is left as it is.
 * RangeError, with a message that names the file: no such directory, not a report, not a history, or a history that is not the one that the report is about.
 */
export function judgeDirectory(directory: string): Rejudgement {
  const dir = resolve(directory);
  const file = reportIn(dir);
  const history = historyIn(dir);
  const scenario: ReportedScenario = {
    id: file.scenario,
    title: file.title,
    source: file.source,
    hypothesis: file.hypothesis,
    rules: file.rules,
    partFaults: file.partFaults,
    heal: file.heal,
    expect: file.expect,
    machine: file.machine,
    workload: file.workload,
    fileBytes: file.fileBytes,
    drawProgramSeed: file.drawProgramSeed,
  };
  const { mode, seed, mutants, command, commit, parameters } = file;
  const record = recordRun(scenario, { mode, seed, mutants, command, commit, parameters }, judgeRun(scenario, history), history);
  if (record.digest !== file.digest) throw new RangeError(`${join(dir, "history.ndjson")}: its sha256 is ${record.digest}, report.json is about ${file.digest}`);
  return { record, report: writeJudgement(dir, record), before: file.verdict };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new RangeError(`${path} cannot be read: not the directory of a run`);
  }
}

function reportIn(dir: string): ReportFile {
  const path = join(dir, "report.json");
  const file = parsed(textOf(path), path);
  if (!isReport(file)) throw new RangeError(`${path} is no report of a run: ${validator.errorsText(isReport.errors, { dataVar: "report" })}`);
  return file;
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RangeError(`${path} is not JSON`);
  }
}

function historyIn(dir: string) {
  const path = join(dir, "history.ndjson");
  try {
    return readHistory(textOf(path));
  } catch (error) {
    throw error instanceof RangeError && !error.message.startsWith(path) ? new RangeError(`${path}: ${error.message}`) : error;
  }
}
