import type { Checker } from "../checkers/checker.ts";
import { escapeXml } from "./markup.ts";
import type { Judgement } from "./verdict.ts";

/** Violations of one checker that are told, and events of each: CI shows them, `report.json` has all. */
const MOST_TOLD = 20;
const MOST_EVENTS = 50;

/**
 * `junit.xml`: one test case per checker, one for the hypothesis, and for anything else that was violated. An error of the run is an error of the hypothesis; nothing was judged then, so the
 * other cases are skipped. Its shape is what Jenkins, GitLab and GitHub's readers have in common: one test suite, every case with class and name, messages as attributes.
 */
export function junitXml(
  scenario: { id: string; title: string },
  seed: number,
  checkers: readonly Pick<Checker, "id" | "sentence">[],
  { violations, error }: Judgement,
): string {
  const named = new Map(checkers.map(({ id, sentence }) => [id, `${id}: ${sentence}`]));
  named.set("hypothesis", "hypothesis");
  for (const { invariant } of violations) if (!named.has(invariant)) named.set(invariant, invariant);
  const suite = `faultline.${scenario.id}`;
  const cases = [...named].map(([id, name]) => {
    const failed = violations.filter(({ invariant }) => invariant === id);
    const body = [
      ...failed.slice(0, MOST_TOLD).map(({ message, events }) => `    <failure message="${escapeXml(message)}">${eventsText(events)}</failure>`),
      ...(failed.length > MOST_TOLD ? [`    <failure message="and ${failed.length - MOST_TOLD} more in report.json"/>`] : []),
      ...(error && id !== "hypothesis" && !failed.length ? ['    <skipped message="not judged"/>'] : []),
      ...(id === "hypothesis" && error ? [`    <error message="${escapeXml(error)}"/>`] : []),
    ];
    const open = `  <testcase classname="${escapeXml(suite)}" name="${escapeXml(name)}"`;
    return body.length ? `${open}>\n${body.join("\n")}\n  </testcase>` : `${open}/>`;
  });
  const failed = new Set(violations.map(({ invariant }) => invariant));
  const skipped = error ? [...named.keys()].filter((id) => id !== "hypothesis" && !failed.has(id)).length : 0;
  const counts = { tests: named.size, failures: failed.size, errors: error ? 1 : 0, skipped };
  const attributes = Object.entries({ name: `${suite} seed ${seed}`, ...counts }).map(([name, value]) => `${name}="${escapeXml(value)}"`);
  const head = `<testsuite ${attributes.join(" ")}>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${head}\n${cases.join("\n")}\n</testsuite>\n`;
}

const eventsText = (events: readonly number[]): string =>
  `events ${events.slice(0, MOST_EVENTS).join(", ")}${events.length > MOST_EVENTS ? ` and ${events.length - MOST_EVENTS} more` : ""}`;
