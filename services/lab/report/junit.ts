import type { Checker } from "../checkers/checker.ts";
import { escapeXml } from "./markup.ts";
import type { Judgement } from "./verdict.ts";

/** `junit.xml`: one test case per checker, one for the hypothesis, and for anything else that was violated; an error of the run is an error of the hypothesis. */
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
      ...failed.map(({ message, events }) => `    <failure message="${escapeXml(message)}">events ${events.join(", ")}</failure>`),
      ...(id === "hypothesis" && error ? [`    <error message="${escapeXml(error)}"/>`] : []),
    ];
    const open = `  <testcase classname="${escapeXml(suite)}" name="${escapeXml(name)}"`;
    return body.length ? `${open}>\n${body.join("\n")}\n  </testcase>` : `${open}/>`;
  });
  const failures = new Set(violations.map(({ invariant }) => invariant)).size;
  const head = `<testsuite name="${escapeXml(`${suite} seed ${seed}`)}" tests="${named.size}" failures="${failures}" errors="${error ? 1 : 0}">`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${head}\n${cases.join("\n")}\n</testsuite>\n`;
}
