import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";
import { pageOf } from "../checkers/naming.ts";
import { type Lifeline, lifelineOf } from "./lifelines.ts";
import { bands, links, messageWords, offenceWords, steps, type Words } from "./words.ts";

/** One row of a sequence diagram. `to` absent: something that a part did by itself; `band`: a turn of the whole run. */
export interface Row extends Words {
  event: TraceEvent;
  /** Where it is in the history. */
  index: number;
  from: Lifeline;
  to?: Lifeline;
  band: boolean;
  /** What a rule of the lab did with the message, or to the part. */
  rule?: string;
  offence: boolean;
  /** Rows of the same name behind it that are drawn with it. */
  more: Row[];
}

/** Rows of the offence itself, of what shares something with it, and of what is next to it. */
const MOST_OFFENCES = 24;
const MOST_TIED = 26;
const MOST_NEAR = 10;
/** Faults of the lab, which may fire ten thousand times, and what shares something with them: more of both when they are what the run is about. */
const MOST_FAULTS = { beside: 6, alone: 12 };
const MOST_TIED_TO_FAULTS = { beside: 8, alone: 26 };
/** Turns of the run that are drawn wherever they are. */
const MOST_BANDS = 12;
/** Every row that a history can show, in order. */
export function rowsOf(history: readonly TraceEvent[], offending: ReadonlySet<number>): Row[] {
  const rows: Row[] = [];
  const bySend = new Map<string, Row>();
  const shown = new Set<Row>();
  const show = (row: Row): void => {
    if (shown.has(row)) return;
    const vm = /^(?:guest|vmm)([1-9]\d*)$/.exec(row.event.who)?.[1]; // all VMs share two lifelines; the first goes without saying
    if (vm) row.about = `${row.about} VM ${vm}`.trim();
    rows.push(row);
    shown.add(row);
  };
  for (const [index, event] of history.entries()) {
    const { kind, who, fields, n } = event;
    const offence = offending.has(n);
    const common = { event, index, offence, band: false, more: [] };
    if (kind === "edge.send") {
      const [from, to] = String(fields.direction).split("->") as [Lifeline, Lifeline];
      const row: Row = { ...common, from, to, ...messageWords(event) };
      bySend.set(`${who}/${fields.direction}/${fields.seq}`, row);
      if ((fields.records as readonly TraceValue[] | undefined)?.length || offence) show(row);
    } else if (kind === "edge.rule") {
      const row = bySend.get(`${who}/${fields.direction}/${fields.seq}`);
      if (!row) continue;
      row.rule = `${fields.rule}: ${fields.do}`;
      show(row);
    } else if (kind === "lab.rule") {
      const at = String(fields.at);
      const from = /^(?:smmu\.)?endpoint\b/.test(at) ? "endpoint" : lifelineOf(who, kind);
      show({ ...common, from, name: `${fields.do} at ${at}`, about: "", rule: `${fields.rule}: ${fields.do}` });
    } else if (bands[kind]) {
      const rule = fields.rule === undefined ? {} : { rule: String(fields.rule) };
      show({ ...common, from: "lab", band: true, name: bands[kind](event), about: "", ...rule });
    } else if (links[kind]) show({ ...common, ...links[kind](event) });
    else if (steps[kind]) show({ ...common, from: lifelineOf(who, kind), ...steps[kind](event) });
    else if (offence && kind !== "edge.deliver") show({ ...common, from: lifelineOf(who, kind), ...offenceWords(event) });
  }
  return rows.sort((a, b) => a.index - b.index);
}

/** What ties a row to the offence: the same group, page, PASID or ASID. */
const tiesOf = ({ event: { ids, fields } }: Row): string[] => [
  ...(ids.grpid === undefined ? [] : [`group ${ids.grpid}`]),
  ...[ids.iova, ids.gva].flatMap((address) => (address && address !== "0x0" ? [`page ${pageOf(address)}`] : [])), // 0x0: of no page, but everything
  ...(ids.asid === undefined ? [] : [`asid ${ids.asid}`]),
  ...((fields.records as readonly TraceValue[] | undefined) ?? []).flatMap(
    (record) =>
      String(record)
        .match(/grpid=\d+/g)
        ?.map((text) => text.replace("grpid=", "group ")) ?? [],
  ),
  ...((fields.groups as readonly TraceValue[] | undefined) ?? []).map((grpid) => `group ${grpid}`),
];

/**
 * The rows to draw, in order: the offence, with what shares its group, page or ASID and what happened next to it; the faults of the lab with theirs; the turns of the run. Without an offence
 * the first page request takes its place. Fewer than a hundred.
 */
export function zoom(rows: readonly Row[]): Row[] {
  const offences = rows.filter(({ offence }) => offence).slice(0, MOST_OFFENCES);
  const beside = offences.length ? "beside" : "alone";
  const centre = offences.length ? offences : rows.filter(({ event }) => event.kind === "endpoint.page-request").slice(0, 1);
  const faults = nearest(
    rows.filter(({ rule, offence }) => rule !== undefined && !offence),
    centre,
    MOST_FAULTS[beside],
  );
  const chosen = new Set([...centre, ...faults, ...rows.filter(({ band }) => band).slice(0, MOST_BANDS)]);
  const choose = (of: readonly Row[], most: number, fits: (row: Row) => boolean): void => {
    const fitting = rows.filter((row) => !chosen.has(row) && fits(row));
    for (const row of nearest(fitting, of, most)) chosen.add(row);
  };
  const tiedTo = (of: readonly Row[]): ((row: Row) => boolean) => {
    const ties = new Set(of.flatMap(tiesOf));
    return (row) => tiesOf(row).some((tie) => ties.has(tie));
  };
  choose(centre, MOST_TIED, tiedTo(centre));
  choose(faults, MOST_TIED_TO_FAULTS[beside], tiedTo(faults));
  choose(centre, MOST_NEAR, ({ event }) => event.kind !== "edge.send");
  return rows.filter((row) => chosen.has(row));
}

/** The `most` rows that are nearest to one of `to`; the first ones where there is nothing to be near to. */
function nearest(rows: readonly Row[], to: readonly Row[], most: number): Row[] {
  if (most <= 0) return [];
  if (!to.length || rows.length <= most) return rows.slice(0, most);
  const places = to.map(({ index }) => index).sort((a, b) => a - b);
  let next = 0;
  const far = rows.map((row) => {
    while (next < places.length && places[next] < row.index) next++;
    const distance = Math.min(next < places.length ? places[next] - row.index : Infinity, next > 0 ? row.index - places[next - 1] : Infinity);
    return { row, distance };
  });
  return far
    .sort((a, b) => a.distance - b.distance)
    .slice(0, most)
    .map(({ row }) => row);
}

/** Rows of one name that follow each other as one: seven pages of a group are one arrow. An offence and what a rule touched stand alone. */
export function merged(rows: readonly Row[]): Row[] {
  const out: Row[] = [];
  const alone = ({ offence, rule, band }: Row): boolean => offence || band || rule !== undefined;
  for (const row of rows) {
    const last = out.at(-1);
    if (last && !alone(last) && !alone(row) && last.from === row.from && last.to === row.to && last.name === row.name) last.more.push(row);
    else out.push({ ...row, more: [] });
  }
  return out;
}
