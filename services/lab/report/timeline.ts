import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { groupSpans } from "./groups.ts";
import { lifelineOf, lifelines } from "./lifelines.ts";
import { cut, durationText, escapeXml } from "./markup.ts";

const WIDTH = 1200;
const LEFT = 104;
const SPAN = WIDTH - LEFT - 20;
const LANE = 22;
/** Marks stand above the lanes, each with its name where there is room in one of the rows. */
const LABEL_ROWS = 3;
const LABEL_HEIGHT = 14;
const TOP = LABEL_ROWS * LABEL_HEIGHT + 22;
const OPEN_HEIGHT = 34;
const BINS = 220;
const TICKS = 6;
/** Pixels of a character of 11 px, in the widest of the common fonts. */
const CHARACTER = 7;

type What = "violation" | "rule" | "lab";
interface Mark {
  index: number;
  what: What;
  text: string;
  /** How many events of its kind stand at this place, and whether all say the same. */
  count: number;
  same: boolean;
}

/**
 * The whole run on one line per part: how much happened where, the faults and the offences, and how many page request groups were open. The horizontal axis is the order of events, not time
 * (a time-out of a second in which nothing happens would hide the microseconds that matter); the ticks say the time. `offending` names the invariants that an event offends.
 */
export function timeline(history: readonly TraceEvent[], offending: ReadonlyMap<number, string>): string {
  if (!history.length) return `<svg class="timeline" viewBox="0 0 ${WIDTH} 20" width="${WIDTH}" height="20"></svg>`;
  const xOf = (index: number): number => LEFT + (SPAN * index) / Math.max(1, history.length - 1);
  const bottom = TOP + lifelines.length * LANE;
  const floor = bottom + OPEN_HEIGHT;
  const height = floor + 28;
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) => {
    const index = Math.round(((history.length - 1) * i) / TICKS);
    const anchor = i === 0 ? "start" : i === TICKS ? "end" : "middle";
    return `<text class="time" x="${xOf(index).toFixed(1)}" y="${floor + 18}" text-anchor="${anchor}">#${history[index].n}, ${durationText(history[index].t - history[0].t)}</text>`;
  });
  const parts = [...lanes(history), openGroups(history, bottom, floor), ...drawMarks(marksOf(history, offending), xOf, floor), ...ticks];
  return `<svg class="timeline" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="The run, part by part, with its faults and offences">\n${parts.join("\n")}\n</svg>`;
}

function lanes(history: readonly TraceEvent[]): string[] {
  const counts = lifelines.map(() => new Array<number>(BINS).fill(0));
  for (const [index, event] of history.entries())
    counts[lifelines.indexOf(lifelineOf(event.who, event.kind))][Math.min(BINS - 1, Math.floor((index * BINS) / history.length))]++;
  const most = Math.max(1, ...counts.flat());
  return lifelines.map((lifeline, lane) => {
    const y = TOP + lane * LANE;
    const bars = counts[lane].map((count, bin) =>
      count
        ? `<rect class="busy" x="${(LEFT + (SPAN * bin) / BINS).toFixed(1)}" y="${y + 3}" width="${(SPAN / BINS).toFixed(1)}" height="${LANE - 6}" opacity="${(0.2 + 0.8 * (count / most)).toFixed(2)}"/>`
        : "",
    );
    return `<text class="name" x="${LEFT - 8}" y="${y + 15}" text-anchor="end">${lifeline}</text><line class="life" x1="${LEFT}" y1="${y + LANE}" x2="${LEFT + SPAN}" y2="${y + LANE}"/>${bars.join("")}`;
  });
}

/** How many page request groups were open, bin by bin: one that nobody answers is a floor that stays. */
function openGroups(history: readonly TraceEvent[], top: number, floor: number): string {
  const change = new Int32Array(history.length + 1);
  for (const { opened, closed } of groupSpans(history)) {
    change[opened]++;
    if (closed !== null) change[closed]--;
  }
  const most = new Array<number>(BINS).fill(0);
  let open = 0;
  for (let index = 0; index < history.length; index++) {
    const bin = Math.min(BINS - 1, Math.floor((index * BINS) / history.length));
    most[bin] = Math.max(most[bin], open, (open += change[index]));
  }
  const highest = Math.max(...most);
  const bars = most.map((count, bin) => {
    const high = (count / Math.max(1, highest)) * (floor - top - 6);
    return count
      ? `<rect class="open" x="${(LEFT + (SPAN * bin) / BINS).toFixed(1)}" y="${(floor - high).toFixed(1)}" width="${(SPAN / BINS).toFixed(1)}" height="${high.toFixed(1)}"/>`
      : "";
  });
  return `<text class="name" x="${LEFT - 8}" y="${floor - 17}" text-anchor="end">open groups</text><text class="time" x="${LEFT - 8}" y="${floor - 2}" text-anchor="end">0 to ${highest}</text>${bars.join("")}<line class="life" x1="${LEFT}" y1="${floor}" x2="${LEFT + SPAN}" y2="${floor}"/>`;
}

/** At most one mark of a kind in each place: a rule may fire ten thousand times. */
function marksOf(history: readonly TraceEvent[], offending: ReadonlyMap<number, string>): Mark[] {
  const marks = new Map<string, Mark>();
  for (const [index, { n, kind, fields }] of history.entries()) {
    const invariants = offending.get(n);
    const found: [What, string] | null =
      invariants !== undefined
        ? ["violation", invariants]
        : fields.rule !== undefined
          ? ["rule", fields.part === undefined ? String(fields.rule) : `${fields.did} ${fields.part}`]
          : /^lab\.(workload|heal|deadlock|part|broken)/.test(kind)
            ? ["lab", fields.part === undefined ? kind.replace("lab.", "") : `${fields.did} ${fields.part}`]
            : null;
    if (!found) continue;
    const [what, text] = found;
    const place = `${what}/${Math.floor((index * BINS) / history.length)}`;
    const there = marks.get(place);
    if (there) Object.assign(there, { count: there.count + 1, same: there.same && there.text === text });
    else marks.set(place, { index, what, text, count: 1, same: true });
  }
  return [...marks.values()];
}

/** Offences get a name first, then faults, then the turns of the run. */
function drawMarks(marks: readonly Mark[], xOf: (index: number) => number, floor: number): string[] {
  const order: Record<What, number> = { violation: 0, rule: 1, lab: 2 };
  const rows: [from: number, to: number][][] = Array.from({ length: LABEL_ROWS }, () => []);
  return [...marks]
    .sort((a, b) => order[a.what] - order[b.what] || a.index - b.index)
    .map(({ index, what, text, count, same }) => {
      const x = xOf(index);
      const label = cut(count === 1 ? text : same ? `${text} ×${count}` : `${text} +${count - 1}`, 24);
      const width = label.length * CHARACTER;
      const start = Math.min(Math.max(0, x - width / 2), WIDTH - width);
      const row = rows.findIndex((taken) => taken.every(([from, to]) => start > to || start + width < from));
      if (row >= 0) rows[row].push([start, start + width]);
      const named =
        row >= 0
          ? `<text class="mark-name" x="${(start + width / 2).toFixed(1)}" y="${TOP - 20 - row * LABEL_HEIGHT}" text-anchor="middle">${escapeXml(label)}</text>`
          : "";
      return `<g class="mark ${what}"><title>${escapeXml(text)}${count > 1 ? `, ${count} events here` : ""}</title><line x1="${x.toFixed(1)}" y1="${TOP - 8}" x2="${x.toFixed(1)}" y2="${floor}"/><path d="M${x.toFixed(1)},${TOP - 6} l-4,-8 l8,0 z"/>${named}</g>`;
    })
    .reverse();
}
