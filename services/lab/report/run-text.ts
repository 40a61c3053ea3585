import { join } from "node:path";
import { eventText } from "../history/event-text.ts";
import { evictionText } from "./counters.ts";
import { cut, stampText } from "./markup.ts";
import type { RunRecord } from "./run-record.ts";

/** Violations that are told, and events of each; the report tells more. */
const MOST_TOLD = 12;
const MOST_EVENTS = 6;
const LONGEST_EVENT = 220;

/** A run as text: the first line is the verdict, then why, the last one is the command that reproduces it. */
export function runText(record: RunRecord, dir: string): string {
  const { scenario, how, counters, digest, history } = record;
  const switches = how.mutants.length ? `, ${how.mutants.join(", ")}` : "";
  const fired = Object.entries(counters.rules).map(([id, count]) => `${id} ×${count}`);
  return [
    verdictText(record),
    `${scenario.id}: ${scenario.title} (${how.mode}, seed ${how.seed}${switches})`,
    `hypothesis: ${scenario.hypothesis.replace(/\s+/g, " ")}`,
    ...(fired.length ? [`faults: ${fired.join(", ")}`] : []),
    ...whyText(record),
    `report: ${join(dir, "report.html")}`,
    `history: ${join(dir, "history.ndjson")}, ${history.length} events, sha256 ${digest}`,
    how.command,
  ].join("\n");
}

/** "verdict: violation of INV-1, FL-I5". */
function verdictText({ judgement: { verdict, violations, error }, counters }: Pick<RunRecord, "judgement" | "counters">): string {
  const invariants = [...new Set(violations.map(({ invariant }) => invariant))];
  return `verdict: ${verdict}${invariants.length ? ` of ${invariants.join(", ")}` : ""}${evictionText(counters)}${error ? `: ${error}` : ""}`;
}

/** Every violation with the events that show it. */
function whyText({ judgement: { violations }, history }: RunRecord): string[] {
  const at = new Map(history.map((event) => [event.n, event]));
  const start = history[0]?.t ?? 0;
  const lines = violations.slice(0, MOST_TOLD).flatMap(({ invariant, message, events }) => [
    `violated: ${invariant}: ${message}`,
    ...events.slice(0, MOST_EVENTS).flatMap((n) => {
      const event = at.get(n);
      return event ? [`    #${n} ${stampText(event.t - start)} ${cut(eventText(event), LONGEST_EVENT)}`] : [];
    }),
    ...(events.length > MOST_EVENTS ? [`    and ${events.length - MOST_EVENTS} events more`] : []),
  ]);
  return violations.length > MOST_TOLD ? [...lines, `and ${violations.length - MOST_TOLD} violations more`] : lines;
}
