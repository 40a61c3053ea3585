import { evictionText } from "./counters.ts";
import type { RunReport } from "./run-directory.ts";

/** A run as text: the first line is the verdict, the last one the command that reproduces it. */
export function runText(scenario: { id: string; title: string; hypothesis: string }, report: RunReport, error: string | null, command: string): string {
  return [
    `verdict: ${report.verdict}${evictionText(report.counters)}${error ? `: ${error}` : ""}`,
    `${scenario.id}: ${scenario.title}`,
    `hypothesis: ${scenario.hypothesis.replace(/\s+/g, " ")}`,
    ...report.violations.map(({ invariant, message, events }) => `violated: ${invariant}: ${message} (events ${events.join(", ")})`),
    `history: ${report.dir}/history.ndjson, sha256 ${report.digest}`,
    command,
  ].join("\n");
}
