import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { type GroupSpan, groupSpans } from "./groups.ts";
import { lifelineOf, lifelines } from "./lifelines.ts";
import { PerfettoWriter } from "./perfetto-writer.ts";

/** Tracks: the run, under it one per part and the page request groups, whose lanes are as many as were open together. uuid 0 would be the trace itself. */
const RUN = 1;
const FIRST_PART = 2;
const OPEN_GROUPS = FIRST_PART + lifelines.length;
const GROUPS = OPEN_GROUPS + 1;
const FIRST_LANE = GROUPS + 1;

/**
 * `trace.perfetto`: the history in the protobuf format of ui.perfetto.dev and trace_processor. A track per lifeline with its events as instants, a slice per page request group (one that nobody
 * answered has no end), a flow through every event of a group, and a counter of the groups that are open. Timestamps are the history's nanoseconds from its first event, made monotonic by its
 * total order.
 */
export function perfettoTrace(history: readonly TraceEvent[]): Uint8Array {
  const writer = new PerfettoWriter();
  writer.track({ uuid: RUN, name: "run", ordered: true });
  for (const [rank, name] of lifelines.entries()) writer.track({ uuid: FIRST_PART + rank, name, parent: RUN, rank });
  writer.track({ uuid: OPEN_GROUPS, name: "open page request groups", parent: RUN, rank: lifelines.length, counter: true });
  writer.track({ uuid: GROUPS, name: "page request groups", parent: RUN, rank: lifelines.length + 1 });

  const spans = groupSpans(history);
  const opens = new Map(spans.map((span, flow) => [span.opened, { span, flow: flow + 1 }]));
  const closes = new Map(spans.flatMap((span) => (span.closed === null ? [] : [[span.closed, span] as const])));
  /** Which group has a lane, and the flow of the latest group of a name. */
  const lanes: (GroupSpan | null)[] = [];
  const flows = new Map<string, number>();
  const origin = history[0]?.t ?? 0;
  let now = 0;
  let open = 0;
  for (const [index, { n, t, who, kind, ids, fields }] of history.entries()) {
    now = Math.max(now, Math.round(t - origin));
    const group = ids.grpid === undefined ? null : `${ids.sid ?? ids.endpoint}/${ids.grpid}`;
    const opened = opens.get(index);
    if (opened) {
      let lane = lanes.indexOf(null);
      if (lane < 0) {
        lane = lanes.length;
        writer.track({ uuid: FIRST_LANE + lane, name: "group", parent: GROUPS });
      }
      lanes[lane] = opened.span;
      flows.set(group!, opened.flow);
      const name = `endpoint ${opened.span.sid}, group ${opened.span.grpid}`;
      writer.begin(now, { track: FIRST_LANE + lane, category: "group", name, values: { pasid: ids.pasid, iova: ids.iova } });
      writer.count(now, OPEN_GROUPS, ++open);
    }
    writer.instant(now, {
      track: FIRST_PART + lifelines.indexOf(lifelineOf(who, kind)),
      category: kind.slice(0, kind.indexOf(".")),
      name: kind,
      flow: group === null ? undefined : flows.get(group),
      values: { n, who, ...ids, ...fields },
    });
    const closed = closes.get(index);
    if (closed) {
      const lane = lanes.indexOf(closed);
      writer.end(now, FIRST_LANE + lane);
      lanes[lane] = null;
      writer.count(now, OPEN_GROUPS, --open);
    }
  }
  return writer.bytes();
}
