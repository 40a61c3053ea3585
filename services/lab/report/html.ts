import { stringify } from "yaml";
import { type AssertionCount, isBroken, isUnmet } from "../assertions/assertion.ts";
import type { Violation } from "../checkers/checker.ts";
import { checkers } from "../checkers/index.ts";
import { whereText } from "../scenarios/where.ts";
import { evictionText } from "./counters.ts";
import { eventsListing, listedEvents, reference, withReferences } from "./events-listing.ts";
import { cut, durationText, escapeXml } from "./markup.ts";
import type { RunRecord } from "./run-record.ts";
import { sequenceDiagram } from "./sequence-diagram.ts";
import { style } from "./style.ts";
import { timeline } from "./timeline.ts";

/** Violations of one invariant that are told one by one, events named by each, and characters of the parameters: the rest is in `report.json`. */
const MOST_TOLD = 5;
const MOST_NAMED = 12;
const LONGEST_PARAMETERS = 40_000;

/** `report.html`: one file without scripts, links or fonts from elsewhere. Verdict first, then why; the command that reproduces it last. */
export function reportHtml(record: RunRecord): string {
  const { scenario, how, judgement, digest, history } = record;
  const offending = offences(record);
  const offence = offenceOf(record);
  const diagram = sequenceDiagram(history, offence);
  const listed = listedEvents(history, [...offence, ...offending.keys()], diagram.events);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escapeXml(`${judgement.verdict}: ${scenario.id}`)}</title>
<style>${style}</style>
</head>
<body>
<h1 class="${judgement.verdict}"><span>${judgement.verdict}</span> ${escapeXml(scenario.id)}</h1>
<p class="lead">${escapeXml(scenario.title)} <small>(${escapeXml(scenario.source)})</small></p>
<p class="figures">${escapeXml(conditions(record))}<br>${figures(record)}</p>
<h2>Why</h2>
${why(record, listed)}
<h2>Sequence <small>${offence.size ? "zoomed to the offence" : "the first fault, and what the lab did"}; #n leads to the event below, the pointer on a row shows it</small></h2>
<div class="scroll">${diagram.svg}</div>
<h2>Timeline <small>in the order of events</small></h2>
<div class="scroll">${timeline(history, offending)}</div>
${LEGEND}
<h2>Events <small>${offence.size ? "of the diagram, and around the offence" : "of the diagram"}: ${listed.size} of ${history.length}, the others are in <code>history.ndjson</code></small></h2>
${eventsListing(history, listed, offending, diagram.events)}
<h2>Faults</h2>
${faults(record, listed)}
<h2>Checks</h2>
${checks(record)}
<h2>Parameters</h2>
<pre>${escapeXml(cutText(stringify(record.parameters), LONGEST_PARAMETERS))}</pre>
<p>History: <code>history.ndjson</code>, ${history.length} events, sha256 <code>${digest}</code></p>
<h2>Reproduce</h2>
<pre class="command">${escapeXml(how.command)}</pre>
</body>
</html>
`;
}

const LEGEND = `<p class="legend"><span class="violation">▼</span> offence <span class="rule">▼</span> fault of the lab <span class="lab">▼</span> turn of the run
<span class="busy">■</span> events of a part, the darker the more <span class="open">■</span> open page request groups</p>`;

const cutText = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length)}\n… ${text.length - length} characters more in report.json` : text;

function conditions({ how: { mode, seed, mutants, commit } }: RunRecord): string {
  return [`mode ${mode}`, `seed ${seed}`, mutants.length ? `switches ${mutants.join(", ")}` : "no mutant, no defect", commit ? `commit ${commit}` : ""]
    .filter(Boolean)
    .join(" · ");
}

function figures({ counters, how: { mode } }: RunRecord): string {
  const { events, ns, pageRequests, groups, responses, commands, dmaAccesses } = counters;
  return `${events} events in ${durationText(ns)} of ${mode === "sim" ? "virtual" : "real"} time: ${pageRequests} page requests in ${groups} groups, ${responses} responses, ${commands} commands, ${dmaAccesses} DMA accesses`;
}

function why({ judgement, scenario, counters }: RunRecord, listed: ReadonlySet<number>): string {
  const sentences = new Map(checkers.map(({ id, sentence }) => [id, sentence]));
  const item = ({ message, events }: Violation): string => {
    const unsaid = events.slice(0, MOST_NAMED).filter((n) => !new RegExp(`#${n}\\b`).test(message));
    const more = events.length > MOST_NAMED ? ` and ${events.length - MOST_NAMED} more` : "";
    const named = unsaid.length ? ` <small>events ${unsaid.map((n) => reference(n, listed)).join(", ")}${more}</small>` : "";
    return `<li>${withReferences(cut(message, 1000), listed)}${named}</li>`;
  };
  const list = [...Map.groupBy(judgement.violations, ({ invariant }) => invariant)].map(([invariant, violations]) => {
    const told = violations.slice(0, MOST_TOLD);
    const more = violations.length > told.length ? `\n<li class="more">and ${violations.length - told.length} more of this kind in <code>report.json</code></li>` : "";
    const rule = sentences.get(invariant);
    return `<div class="violations"><b>${escapeXml(invariant)}</b> ${rule ? `<small>${escapeXml(rule)}</small>` : ""}\n<ul>${told.map(item).join("\n")}${more}</ul></div>`;
  });
  const error = judgement.error ? `<p class="error">The run proves nothing: ${escapeXml(judgement.error)}</p>` : "";
  const evictions = evictionText(counters);
  const doubt = evictions ? `<p class="error">${escapeXml(evictions.trim().replace(/^\((.*)\)$/, "$1"))}</p>` : "";
  const pass = judgement.verdict === "pass" ? "<p>Every invariant and the hypothesis held.</p>" : "";
  return `${error}${list.join("\n")}${pass}${doubt}\n<p><b>Hypothesis:</b> ${escapeXml(scenario.hypothesis)}</p>`;
}

/** Events that the first violation of each invariant names: the diagram stays readable when one mistake repeats. */
export function offenceOf({ judgement }: Pick<RunRecord, "judgement">): Set<number> {
  const seen = new Set<string>();
  const events = new Set<number>();
  for (const violation of judgement.violations) {
    if (seen.has(violation.invariant)) continue;
    seen.add(violation.invariant);
    for (const n of violation.events.slice(0, MOST_NAMED)) events.add(n);
  }
  return events;
}

/** Every event that a told violation names, with the invariants that it offends. */
function offences({ judgement }: Pick<RunRecord, "judgement">): Map<number, string> {
  const of = new Map<number, Set<string>>();
  const told = [...Map.groupBy(judgement.violations, ({ invariant }) => invariant).values()].flatMap((violations) => violations.slice(0, MOST_TOLD));
  for (const { invariant, events } of told) for (const n of events.slice(0, MOST_NAMED)) of.set(n, (of.get(n) ?? new Set()).add(invariant));
  return new Map([...of].map(([n, invariants]) => [n, [...invariants].join(", ")]));
}

function faults({ scenario, history, counters }: RunRecord, listed: ReadonlySet<number>): string {
  const said = (members: object | undefined) =>
    Object.entries(members ?? {})
      .map(([name, value]) => `${name} ${value}`)
      .join(", ");
  const row = (id: string, where: string, when: string, what: string) => {
    const first = history.find(({ fields }) => fields.rule === id);
    const cells = [id, where, when || "always", what].map((text) => `<td>${escapeXml(text)}</td>`).join("");
    return `<tr>${cells}<td>${counters.rules[id] ?? 0}</td><td>${first ? reference(first.n, listed) : "never"}</td></tr>`;
  };
  const rows = [
    ...scenario.rules.map(({ id, where, when, do: { action, ...members } }) => row(id, whereText(where), said(when), [action, said(members)].filter(Boolean).join(" "))),
    ...(scenario.partFaults ?? []).map(({ id, part, when, do: what }) => row(id, part, said(when), what)),
  ];
  if (!rows.length) return "<p>None.</p>";
  return `<table><tr><th>id</th><th>where</th><th>when</th><th>do</th><th>fired</th><th>first</th></tr>\n${rows.join("\n")}\n</table>`;
}

function checks({ judgement, assertions }: RunRecord): string {
  const judged = judgement.verdict !== "error";
  const rows = checkers.map(({ id, sentence }) => {
    const count = judgement.violations.filter(({ invariant }) => invariant === id).length;
    const state = count ? `${count} violation${count === 1 ? "" : "s"}` : judged ? "held" : "not judged";
    return `<tr class="${count ? "violation" : ""}"><td>${id}</td><td>${escapeXml(sentence)}</td><td>${state}</td></tr>`;
  });
  const state = (count: AssertionCount) =>
    isBroken(count) ? "broken" : isUnmet(count) ? "not seen in this run" : count.kind === "unreachable" ? "never reached" : `${count.held} of ${count.reached}`;
  const asserted = assertions.map(
    (count) => `<tr class="${isBroken(count) ? "violation" : ""}"><td>${count.id}</td><td>${count.kind}: ${escapeXml(count.sentence)}</td><td>${state(count)}</td></tr>`,
  );
  return `<table>\n${rows.join("\n")}\n</table>\n<table>\n${asserted.join("\n")}\n</table>`;
}
