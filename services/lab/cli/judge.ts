import { judgeDirectory } from "../report/judge-directory.ts";
import { runText } from "../report/run-text.ts";
import { EXIT, inputError } from "./errors.ts";

export interface JudgeOptions {
  json?: boolean;
}

/** `faultline judge DIR`: the history of a run, judged by the checkers of today; its report is written anew. */
export function judgeCommand(directory: string, options: JudgeOptions): number {
  const { record, report, before } = rejudged(directory);
  process.stdout.write(`${options.json ? JSON.stringify({ ...report, before }) : runText(record, report.dir)}\n`);
  return report.verdict === "pass" ? EXIT.ok : report.verdict === "violation" ? EXIT.violation : EXIT.infrastructure;
}

function rejudged(directory: string) {
  try {
    return judgeDirectory(directory);
  } catch (error) {
    throw error instanceof RangeError ? inputError(error.message, "directory") : error;
  }
}
