import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { eventText } from "../history/event-text.ts";
import { type Lifeline, machineLifelines } from "./lifelines.ts";
import { durationText, escapeXml } from "./markup.ts";
import { type Row, rowsOf, zoom } from "./sequence.ts";

const WIDTH = 1200;
const TIME = 150;
const HEAD = 46;
const ROW = 26;
const GAP = 18;
/** Characters of 12 px that fit between two lifelines. */
const LABEL = 36;

const x = (lifeline: Lifeline): number => TIME + 90 + machineLifelines.indexOf(lifeline) * 215;
const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** The sequence diagram of a history over the five lifelines, zoomed to the offending events: one SVG, 1200 wide. */
export function sequenceDiagram(history: readonly TraceEvent[], offending: ReadonlySet<number>): string {
  const rows = zoom(rowsOf(history, offending));
  const origin = rows[0]?.event.t ?? 0;
  const parts: string[] = [];
  let y = HEAD + ROW;
  for (const [index, row] of rows.entries()) {
    const skipped = index > 0 ? row.event.n - rows[index - 1].event.n - 1 : 0;
    if (skipped > 8) {
      parts.push(`<text class="gap" x="${TIME - 8}" y="${y}" text-anchor="end">${skipped} events</text>`);
      y += GAP;
    }
    parts.push(drawRow(row, y, origin));
    y += ROW;
  }
  const heads = machineLifelines.map(
    (lifeline) =>
      `<line class="life" x1="${x(lifeline)}" y1="${HEAD}" x2="${x(lifeline)}" y2="${y}"/><rect class="head" x="${x(lifeline) - 60}" y="10" width="120" height="30" rx="4"/><text class="name" x="${x(lifeline)}" y="30" text-anchor="middle">${lifeline}</text>`,
  );
  return `<svg class="sequence" viewBox="0 0 ${WIDTH} ${y + 10}" width="${WIDTH}" height="${y + 10}" role="img" aria-label="Sequence of messages between guest, vmm, host, smmu and endpoint">\n${heads.join("\n")}\n${parts.join("\n")}\n</svg>`;
}

function drawRow(row: Row, y: number, origin: number): string {
  const { event, from, to, label, rule, offence } = row;
  const title = `<title>#${event.n} ${escapeXml(eventText(event))}</title>`;
  const time = `<text class="time" x="${TIME - 8}" y="${y}" text-anchor="end">#${event.n} +${durationText(event.t - origin)}</text>`;
  const classes = ["row", offence ? "offence" : "", rule ? "ruled" : ""].filter(Boolean).join(" ");
  const body = to ? drawMessage(from, to, label, rule, y) : drawStep(from, label, y);
  return `<g class="${classes}" id="event-${event.n}">${title}${time}${body}</g>`;
}

/** A message that a rule dropped ends half-way, with a cross. */
function drawMessage(from: Lifeline, to: Lifeline, label: string, rule: string | undefined, y: number): string {
  const [start, goal] = [x(from), x(to)];
  const dropped = rule?.endsWith(": drop");
  const end = dropped ? (start + goal) / 2 : goal;
  const side = goal > start ? -1 : 1;
  const head = dropped ? `<path class="cross" d="M${end - 5},${y - 5} l10,10 m0,-10 l-10,10"/>` : `<path class="arrow" d="M${end},${y} l${side * 8},-4 l0,8 z"/>`;
  const text = `<text class="label" x="${(start + goal) / 2}" y="${y - 5}" text-anchor="middle">${escapeXml(cut(label, LABEL))}</text>`;
  const ruled = rule ? `<text class="rule" x="${(start + goal) / 2}" y="${y + 11}" text-anchor="middle">${escapeXml(rule)}</text>` : "";
  return `<line class="message" x1="${start}" y1="${y}" x2="${end}" y2="${y}"/>${head}${text}${ruled}`;
}

function drawStep(at: Lifeline, label: string, y: number): string {
  const text = cut(label, 32);
  const right = at === "endpoint";
  const anchor = right ? "end" : "start";
  return `<circle class="step" cx="${x(at)}" cy="${y - 4}" r="4"/><text class="label step-label" x="${x(at) + (right ? -10 : 10)}" y="${y}" text-anchor="${anchor}">${escapeXml(text)}</text>`;
}
