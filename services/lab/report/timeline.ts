import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { lifelineOf, lifelines } from "./lifelines.ts";
import { durationText, escapeXml } from "./markup.ts";

const WIDTH = 1200;
const LEFT = 90;
const LANE = 22;
const TOP = 34;
const BINS = 220;
const TICKS = 6;

interface Mark {
  event: TraceEvent;
  what: "rule" | "violation" | "lab";
  text: string;
}

/**
 * The whole run on one line per part: how much happened where, the faults and the offences. The horizontal axis is the order of events, not time (a time-out of a second in which nothing
 * happens would hide the microseconds that matter); the ticks say the time.
 */
export function timeline(history: readonly TraceEvent[], offending: ReadonlySet<number>): string {
  if (!history.length) return `<svg class="timeline" viewBox="0 0 ${WIDTH} 20" width="${WIDTH}" height="20"></svg>`;
  const height = TOP + lifelines.length * LANE + 40;
  const span = WIDTH - LEFT - 20;
  const xOf = (index: number): number => LEFT + (span * index) / Math.max(1, history.length - 1);
  const counts = lifelines.map(() => new Array<number>(BINS).fill(0));
  const marks: { index: number; mark: Mark }[] = [];
  for (const [index, event] of history.entries()) {
    counts[lifelines.indexOf(lifelineOf(event.who, event.kind))][Math.min(BINS - 1, Math.floor((index * BINS) / history.length))]++;
    if (offending.has(event.n)) marks.push({ index, mark: { event, what: "violation", text: `offence #${event.n} ${event.kind}` } });
    else if (event.kind === "edge.rule") marks.push({ index, mark: { event, what: "rule", text: `${event.fields.rule} ${event.fields.do} #${event.n}` } });
    else if (/^lab\.(workload|heal|deadlock)/.test(event.kind)) marks.push({ index, mark: { event, what: "lab", text: event.kind.replace("lab.", "") } });
  }
  const most = Math.max(1, ...counts.flat());
  const lanes = lifelines.map((lifeline, lane) => {
    const y = TOP + lane * LANE;
    const bars = counts[lane].map((count, bin) =>
      count
        ? `<rect class="busy" x="${(LEFT + (span * bin) / BINS).toFixed(1)}" y="${y + 3}" width="${(span / BINS).toFixed(1)}" height="${LANE - 6}" opacity="${(0.2 + 0.8 * (count / most)).toFixed(2)}"/>`
        : "",
    );
    return `<text class="name" x="${LEFT - 8}" y="${y + 15}" text-anchor="end">${lifeline}</text><line class="life" x1="${LEFT}" y1="${y + LANE}" x2="${LEFT + span}" y2="${y + LANE}"/>${bars.join("")}`;
  });
  const bottom = TOP + lifelines.length * LANE;
  const drawn = marks.map(
    ({ index, mark }) =>
      `<g class="mark ${mark.what}"><title>${escapeXml(mark.text)}</title><line x1="${xOf(index).toFixed(1)}" y1="${TOP - 8}" x2="${xOf(index).toFixed(1)}" y2="${bottom}"/><path d="M${xOf(index).toFixed(1)},${TOP - 6} l-4,-8 l8,0 z"/></g>`,
  );
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) => {
    const index = Math.round(((history.length - 1) * i) / TICKS);
    const anchor = i === 0 ? "start" : i === TICKS ? "end" : "middle";
    return `<text class="time" x="${xOf(index).toFixed(1)}" y="${bottom + 18}" text-anchor="${anchor}">#${history[index].n}, ${durationText(history[index].t - history[0].t)}</text>`;
  });
  return `<svg class="timeline" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="The run, part by part, with its faults and offences">\n${lanes.join("\n")}\n${drawn.join("\n")}\n${ticks.join("\n")}\n</svg>`;
}
