import { stringify } from "yaml";
import { type AssertionCount, isBroken, isUnmet } from "../assertions/assertion.ts";
import { checkers } from "../checkers/index.ts";
import { eventText } from "../history/event-text.ts";
import { whereText } from "../scenarios/where.ts";
import { durationText, escapeXml } from "./markup.ts";
import type { RunRecord } from "./run-record.ts";
import { sequenceDiagram } from "./sequence-diagram.ts";
import { style } from "./style.ts";
import { timeline } from "./timeline.ts";

/** Events before and after each offending one that are listed. */
const AROUND = 6;
/** Offending events that are listed with their surroundings, and violations that are told one by one: what follows is the same mistake again. */
const MOST_LISTED = 12;
const MOST_TOLD = 100;

/** `report.html`: one file without scripts, links or fonts from elsewhere. Verdict first, then why; the command that reproduces it last. */
export function reportHtml(record: RunRecord): string {
  const { scenario, how, judgement, digest } = record;
  const title = `${judgement.verdict}: ${scenario.id}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escapeXml(title)}</title>
<style>${style}</style>
</head>
<body>
<h1 class="${judgement.verdict}"><span>${judgement.verdict}</span> ${escapeXml(scenario.id)}</h1>
<p class="lead">${escapeXml(scenario.title)} <small>(${escapeXml(scenario.source)}; ${escapeXml(how.mode)}, seed ${how.seed}${how.mutants.length ? `, with ${escapeXml(how.mutants.join(", "))}` : ""})</small></p>
<h2>Why</h2>
${why(record)}
${diagrams(record)}
${surroundings(record)}
<h2>Faults</h2>
${faults(record)}
<h2>Checks</h2>
${checks(record)}
<h2>Parameters</h2>
<pre>${escapeXml(stringify(record.parameters))}</pre>
<p>History: <code>history.ndjson</code>, ${record.counters.events} events, sha256 <code>${digest}</code></p>
<h2>Reproduce</h2>
<pre class="command">${escapeXml(how.command)}</pre>
</body>
</html>
`;
}

function why({ judgement, scenario }: RunRecord): string {
  const told = judgement.violations.slice(0, MOST_TOLD);
  const items = told.map(
    ({ invariant, message, events }) =>
      `<li><b>${escapeXml(invariant)}</b> ${escapeXml(message)} <small>events ${events.map((n) => `<a href="#line-${n}">#${n}</a>`).join(", ")}</small></li>`,
  );
  const more = judgement.violations.length - told.length;
  const list = items.length ? `<ol class="violations">\n${items.join("\n")}\n</ol>${more > 0 ? `<p>and ${more} more in <code>report.json</code></p>` : ""}` : "";
  const error = judgement.error ? `<p class="error">The run proves nothing: ${escapeXml(judgement.error)}</p>` : "";
  const pass = judgement.verdict === "pass" ? "<p>Every invariant and the hypothesis held.</p>" : "";
  return `${error}${list}${pass}\n<p><b>Hypothesis:</b> ${escapeXml(scenario.hypothesis)}</p>`;
}

/** Events that the first violation of each invariant names: the diagram stays readable when one mistake repeats. */
export function offenceOf({ judgement }: Pick<RunRecord, "judgement">): Set<number> {
  const seen = new Set<string>();
  const events = new Set<number>();
  for (const violation of judgement.violations) {
    if (seen.has(violation.invariant)) continue;
    seen.add(violation.invariant);
    for (const n of violation.events) events.add(n);
  }
  return events;
}

function diagrams(record: RunRecord): string {
  const offence = offenceOf(record);
  const zoomed = offence.size ? `zoomed to the offence` : "the first fault and what was done to messages";
  return `<h2>Sequence <small>${zoomed}</small></h2>
<div class="scroll">${sequenceDiagram(record.history, offence)}</div>
<h2>Timeline <small>in the order of events</small></h2>
<div class="scroll">${timeline(record.history, offence)}</div>`;
}

function surroundings({ history, ...record }: RunRecord): string {
  const offence = [...offenceOf(record)].sort((a, b) => a - b).slice(0, MOST_LISTED);
  if (!offence.length) return "";
  const at = new Map(history.map(({ n }, index) => [n, index]));
  const shown = new Set<number>();
  for (const n of offence) for (let index = (at.get(n) ?? 0) - AROUND; index <= (at.get(n) ?? 0) + AROUND; index++) if (history[index]) shown.add(index);
  const lines: string[] = [];
  let before = -1;
  for (const index of [...shown].sort((a, b) => a - b)) {
    const event = history[index];
    if (before >= 0 && index > before + 1) lines.push(`<span class="gap">${index - before - 1} events</span>`);
    before = index;
    const text = `#${event.n} ${durationText(event.t - history[0].t)} ${eventText(event)}`;
    lines.push(`<span id="line-${event.n}"${offence.includes(event.n) ? ' class="offence"' : ""}>${escapeXml(text)}</span>`);
  }
  return `<h2>Events <small>around the offence</small></h2>\n<pre class="events">${lines.join("\n")}</pre>`;
}

function faults({ scenario, history, counters }: RunRecord): string {
  const said = (members: object | undefined) =>
    Object.entries(members ?? {})
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
  const row = (id: string, where: string, when: string, what: string) => {
    const first = history.find(({ fields }) => fields.rule === id);
    const cells = [id, where, when || "always", what].map((text) => `<td>${escapeXml(text)}</td>`).join("");
    return `<tr>${cells}<td>${counters.rules[id] ?? 0}</td><td>${first ? `#${first.n}` : "never"}</td></tr>`;
  };
  const rows = [
    ...scenario.rules.map(({ id, where, when, do: { action, ...members } }) => row(id, whereText(where), said(when), [action, said(members)].filter(Boolean).join(" "))),
    ...(scenario.partFaults ?? []).map(({ id, part, when, do: what }) => row(id, part, said(when), what)),
  ];
  if (!rows.length) return "<p>None.</p>";
  return `<table><tr><th>id</th><th>where</th><th>when</th><th>do</th><th>fired</th><th>first</th></tr>\n${rows.join("\n")}\n</table>`;
}

function checks({ judgement, assertions }: RunRecord): string {
  const rows = checkers.map(({ id, sentence }) => {
    const count = judgement.violations.filter(({ invariant }) => invariant === id).length;
    return `<tr class="${count ? "violation" : ""}"><td>${id}</td><td>${escapeXml(sentence)}</td><td>${count ? `${count} violation${count === 1 ? "" : "s"}` : "held"}</td></tr>`;
  });
  const state = (count: AssertionCount) =>
    isBroken(count) ? "broken" : isUnmet(count) ? "not seen in this run" : count.kind === "unreachable" ? "never reached" : `${count.held} of ${count.reached}`;
  const asserted = assertions.map(
    (count) => `<tr class="${isBroken(count) ? "violation" : ""}"><td>${count.id}</td><td>${count.kind}: ${escapeXml(count.sentence)}</td><td>${state(count)}</td></tr>`,
  );
  return `<table>\n${rows.join("\n")}\n</table>\n<table>\n${asserted.join("\n")}\n</table>`;
}
