import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { eventText } from "../history/event-text.ts";
import { type Lifeline, machineLifelines } from "./lifelines.ts";
import { cut, durationText, escapeXml } from "./markup.ts";
import { merged, type Row, rowsOf, zoom } from "./sequence.ts";

const WIDTH = 1200;
/** Two columns at the left: which event, and when. */
const NUMBER = 0;
const TIME = 122;
const HEAD = 46;
const STEP_HEIGHT = 24;
const MESSAGE_HEIGHT = 38;
const RULE_HEIGHT = 13;
const GAP = 16;
const SPACING = 236;
/** Characters that fit between two lifelines, 12 px above the arrow and 11 px below it, in the widest of the common fonts. */
const NAME_LENGTH = 29;
const ABOUT_LENGTH = 35;
/** Pixels of a character of 12 px, in the widest of the common fonts: beside a lifeline there is room to the edge of the drawing. */
const CHARACTER = 8;
/** Events skipped between two rows that are said. */
const SKIPPED = 8;

const x = (lifeline: Lifeline): number => TIME + 66 + machineLifelines.indexOf(lifeline) * SPACING;
const text = (className: string, at: number, y: number, anchor: "start" | "middle" | "end", content: string): string =>
  `<text class="${className}" x="${at}" y="${y}" text-anchor="${anchor}">${escapeXml(content)}</text>`;

export interface Diagram {
  svg: string;
  /** Every event that it shows. */
  events: ReadonlySet<number>;
}

/** The sequence diagram of a history over the five lifelines, zoomed to the offending events: one SVG, 1200 wide, whose event numbers are links to `#line-N`. */
export function sequenceDiagram(history: readonly TraceEvent[], offending: ReadonlySet<number>): Diagram {
  const chosen = zoom(rowsOf(history, offending));
  const rows = merged(chosen);
  const origin = rows[0]?.event.t ?? 0;
  const parts: string[] = [];
  let y = HEAD + 6;
  let before = rows[0]?.index ?? 0;
  for (const row of rows) {
    const skipped = row.index - before - 1;
    if (skipped > SKIPPED) {
      parts.push(text("gap", TIME, y + 12, "end", `${skipped} events`));
      y += GAP;
    }
    const height = heightOf(row);
    parts.push(drawRow(row, y, height, origin));
    y += height;
    before = (row.more.at(-1) ?? row).index;
  }
  const heads = machineLifelines.map(
    (lifeline) => `<line class="life" x1="${x(lifeline)}" y1="${HEAD - 6}" x2="${x(lifeline)}" y2="${y + 12}"/>${head(lifeline, 10)}${head(lifeline, y + 12)}`,
  );
  const height = y + 50;
  const svg = `<svg class="sequence" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Sequence of messages between guest, vmm, host, smmu and endpoint">\n${heads.join("\n")}\n${parts.join("\n")}\n</svg>`;
  return { svg, events: new Set(chosen.map(({ event }) => event.n)) };
}

const head = (lifeline: Lifeline, y: number): string =>
  `<rect class="head" x="${x(lifeline) - 60}" y="${y}" width="120" height="28" rx="4"/>${text("name", x(lifeline), y + 19, "middle", lifeline)}`;

const heightOf = ({ to, rule, band }: Row): number => (to ? MESSAGE_HEIGHT + (rule ? RULE_HEIGHT : 0) : band ? MESSAGE_HEIGHT - RULE_HEIGHT : STEP_HEIGHT);

function drawRow(row: Row, y: number, height: number, origin: number): string {
  const { event, offence, rule, band, to, more } = row;
  const shown = [event, ...more.map((one) => one.event)].map((one) => `#${one.n} ${cut(eventText(one), 240)}`);
  const title = `<title>${escapeXml(shown.slice(0, 12).join("\n"))}</title>`;
  const line = y + (to ? 20 : height / 2);
  const link = `<a href="#line-${event.n}">${text("number", NUMBER, line + 4, "start", `#${event.n}`)}</a>`;
  const time = text("time", TIME, line + 4, "end", `+${durationText(event.t - origin)}`);
  const classes = ["row", offence ? "offence" : "", rule !== undefined ? "ruled" : "", band ? "band" : ""].filter(Boolean).join(" ");
  const lit = offence ? `<rect class="lit" x="0" y="${y}" width="${WIDTH}" height="${height}"/>` : "";
  const body = band ? drawBand(row, line) : to ? drawMessage(row, to, line) : drawStep(row, line);
  return `<g class="${classes}" id="event-${event.n}">${title}${lit}${link}${time}${body}</g>`;
}

/** A name, and of rows drawn as one how many they are. */
function nameOf({ name, more }: Row, length: number): string {
  const times = more.length ? ` ×${more.length + 1}` : "";
  return `${cut(name, length - times.length)}${times}`;
}
function aboutOf({ about, more }: Row): string {
  const last = more.at(-1)?.about;
  if (last === undefined || last === about) return about;
  const [from, to] = [about, last].map((one) => one.split(" ")[0]);
  return from === to ? about : `${from} to ${to}`;
}

/** A message that a rule dropped ends half-way, with a cross. */
function drawMessage(row: Row, to: Lifeline, y: number): string {
  const { from, rule } = row;
  const [start, goal] = [x(from), x(to)];
  const middle = (start + goal) / 2;
  const dropped = rule?.endsWith(": drop");
  const end = dropped ? middle : goal;
  const side = goal > start ? -1 : 1;
  const tip = dropped ? `<path class="cross" d="M${end - 5},${y - 5} l10,10 m0,-10 l-10,10"/>` : `<path class="arrow" d="M${end},${y} l${side * 8},-4 l0,8 z"/>`;
  const about = aboutOf(row);
  return [
    `<line class="message" x1="${start}" y1="${y}" x2="${end}" y2="${y}"/>${tip}`,
    text("label", middle, y - 7, "middle", nameOf(row, NAME_LENGTH)),
    about ? text("about", middle, y + 13, "middle", cut(about, ABOUT_LENGTH)) : "",
    rule ? text("rule", middle, y + (about ? 13 + RULE_HEIGHT : 13), "middle", cut(rule, ABOUT_LENGTH)) : "",
  ].join("");
}

/** Beside its lifeline, on the side where there is room. */
function drawStep(row: Row, y: number): string {
  const left = row.from === "smmu" || row.from === "endpoint";
  const about = aboutOf(row);
  const length = Math.floor((left ? x(row.from) - TIME - 20 : WIDTH - x(row.from) - 20) / CHARACTER);
  const content = cut(`${nameOf(row, length)}${about ? ` · ${about}` : ""}`, length);
  return `<circle class="step" cx="${x(row.from)}" cy="${y}" r="4"/>${text("label", x(row.from) + (left ? -10 : 10), y + 4, left ? "end" : "start", content)}`;
}

function drawBand({ name, rule }: Row, y: number): string {
  const content = cut(rule === undefined || rule === "" ? name : `${name} (${rule})`, 100);
  return `<line class="turn" x1="${x("guest") - 60}" y1="${y}" x2="${x("endpoint") + 60}" y2="${y}"/>${text("label", (x("guest") + x("endpoint")) / 2, y + 4, "middle", content)}`;
}
