import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { eventText } from "../history/event-text.ts";
import { cut, escapeXml, stampText } from "./markup.ts";

/** Events before and after each offending one that are listed. */
const AROUND = 6;
/** Offending events that are listed with their surroundings; what follows is the same mistake again. */
const MOST_WITH_SURROUNDINGS = 12;
/** Lines, and characters of one: the rest is in `history.ndjson`. */
const MOST_LINES = 400;
const LONGEST_LINE = 600;

/** Which events a report lists, by their numbers: links go to these alone. */
export function listedEvents(history: readonly TraceEvent[], offending: readonly number[], drawn: ReadonlySet<number>): Set<number> {
  const at = new Map(history.map(({ n }, index) => [n, index]));
  const listed = new Set<number>();
  for (const n of offending.slice(0, MOST_WITH_SURROUNDINGS)) {
    const index = at.get(n);
    if (index === undefined) continue;
    for (let i = Math.max(0, index - AROUND); i <= Math.min(history.length - 1, index + AROUND); i++) listed.add(history[i].n);
  }
  for (const n of [...drawn, ...offending]) if (listed.size < MOST_LINES && at.has(n)) listed.add(n);
  return listed;
}

/** "#2518", a link where that event is listed. */
export const reference = (n: number, listed: ReadonlySet<number>): string => (listed.has(n) ? `<a href="#line-${n}">#${n}</a>` : `#${n}`);

/** Text whose event numbers are links. */
export const withReferences = (text: string, listed: ReadonlySet<number>): string =>
  escapeXml(text).replace(/(?<!&)#(\d+)/g, (_, n: string) => reference(Number(n), listed));

/** The listed events as lines in the history's order, offences marked; drawn ones lead back to the diagram. */
export function eventsListing(history: readonly TraceEvent[], listed: ReadonlySet<number>, offending: ReadonlyMap<number, string>, drawn: ReadonlySet<number>): string {
  const lines: string[] = [];
  let before = -1;
  for (const [index, event] of history.entries()) {
    const { n } = event;
    if (!listed.has(n)) continue;
    if (index > before + 1) lines.push(`<span class="gap">${index - before - 1} events</span>`);
    before = index;
    const number = drawn.has(n) ? `<a href="#event-${n}">#${n}</a>` : `#${n}`;
    const text = `${stampText(event.t - history[0].t)} ${cut(eventText(event), LONGEST_LINE)}`;
    lines.push(`<span id="line-${n}"${offending.has(n) ? ' class="offence"' : ""}>${number} ${escapeXml(text)}</span>`);
  }
  if (history.length > before + 1) lines.push(`<span class="gap">${history.length - before - 1} events</span>`);
  return `<div class="events">${lines.join("\n")}</div>`;
}
