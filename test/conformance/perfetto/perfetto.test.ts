import { oneFault, written } from "@faultline/lab/checkers/test-support/written-history.ts";
import { perfettoTrace } from "@faultline/lab/report/perfetto.ts";
import { runExperiment } from "@faultline/lab/scenarios/experiment.ts";
import { loadScenario } from "@faultline/lab/scenarios/load-scenario.ts";
import { startSimulation } from "@faultline/lab/simulation/running-simulation.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { type Names, namesOf, offences, type Packet, readPackets, Trace } from "./trace-rules.ts";

const lifelines = ["guest", "vmm", "host", "smmu", "endpoint", "lab"];

async function historyOf(id: string, mutants: string[] = []): Promise<TraceEvent[]> {
  const scenario = loadScenario(id);
  return runExperiment(scenario, await startSimulation(scenario.machine, { seed: 1, switches: new Set(mutants) }), 1);
}
const named = (packets: readonly Packet[], names: Names) =>
  packets.flatMap(({ timestamp, track_event }) =>
    track_event
      ? [
          {
            ...track_event,
            timestamp,
            name: names.event_names.get(track_event.name_iid ?? 0),
            values: Object.fromEntries(
              (track_event.debug_annotations ?? []).map(({ name_iid, ...value }) => [names.debug_annotation_names.get(name_iid), Object.values(value)[0]]),
            ),
          },
        ]
      : [],
  );

describe("trace.perfetto of a written history, read with the public schema", () => {
  const history = written(...oneFault);
  const packets = readPackets(perfettoTrace(history));
  const events = named(packets, namesOf(packets));
  it("breaks no rule of the format", () => expect(offences(packets)).toEqual([]));
  it("has a track for each part in the order of the diagram, and an instant for each event in the history's", () => {
    const parts = packets.flatMap(({ track_descriptor }) => (track_descriptor?.sibling_order_rank === undefined ? [] : [track_descriptor]));
    expect(parts.slice(0, 6).map(({ name, sibling_order_rank }) => [name, sibling_order_rank])).toEqual(lifelines.map((name, rank) => [name, rank]));
    const instants = events.filter(({ type }) => type === "TYPE_INSTANT");
    expect(instants.map(({ name }) => name)).toEqual(history.map(({ kind }) => kind));
    expect(instants.map(({ timestamp }) => timestamp)).toEqual(history.map(({ t }) => t));
  });
  it("has the fields of an event as annotations of their type", () => {
    const request = events.find(({ name }) => name === "endpoint.page-request")!;
    expect(request.values).toMatchObject({ n: 1, iova: "0x7000", last: true, write: false });
  });
  it("has a slice from the page request to its response, one flow through the group, and the number of open groups", () => {
    const ends = events.filter(({ type }) => type.startsWith("TYPE_SLICE"));
    expect(ends.map(({ type, timestamp }) => [type, timestamp])).toEqual([
      ["TYPE_SLICE_BEGIN", 0],
      ["TYPE_SLICE_END", 14],
    ]);
    const flows = events.flatMap(({ flow_ids = [] }) => flow_ids);
    expect([new Set(flows).size, flows.length]).toEqual([1, history.filter(({ ids }) => ids.grpid !== undefined).length]);
    expect(events.flatMap(({ counter_value }) => counter_value ?? [])).toEqual([1, 0]);
  });
  it("carries real monotonic clocks, which exceed 32 bits, relative to the first event, and negative results", () => {
    const late = history.map((event, i) => ({ ...event, t: 9_000_000_000_000_000 + i * 5e9, fields: { ...event.fields, ret: -22 } }));
    const read = readPackets(perfettoTrace(late));
    const times = read.flatMap(({ timestamp }) => timestamp ?? []);
    expect([Math.max(...times), offences(read)]).toEqual([14 * 5e9, []]);
    expect(named(read, namesOf(read)).find(({ type }) => type === "TYPE_INSTANT")!.values.ret).toBe(-22);
  });
});

describe("trace.perfetto of simulated runs", () => {
  it.each([
    ["drop-page-response", [] as string[], 0],
    ["drop-page-response", ["M-no-job-timeout"], 1],
    ["guest-dies", [], 0],
    ["power-loss", [], null],
  ])("%s %j: breaks no rule; a slice stays open for each group that nobody answered", async (id, mutants, unanswered) => {
    const history = await historyOf(id, mutants);
    const packets = readPackets(perfettoTrace(history));
    expect(offences(packets)).toEqual([]);
    const events = named(packets, namesOf(packets));
    expect(events.filter(({ type }) => type === "TYPE_INSTANT").length).toBe(history.length);
    const of = (type: string) => events.filter((event) => event.type === type).length;
    expect(of("TYPE_SLICE_BEGIN")).toBeGreaterThan(3);
    if (unanswered !== null) expect(of("TYPE_SLICE_BEGIN") - of("TYPE_SLICE_END")).toBe(unanswered);
    // As many lanes as groups were open together: a lane is used again.
    const lanes = packets.filter(({ track_descriptor }) => track_descriptor?.name === "group").length;
    expect(lanes).toBe(Math.max(...events.flatMap(({ counter_value }) => counter_value ?? [])));
    // A flow is one group's: every event on it has the group's index.
    const groups = Map.groupBy(
      events.flatMap(({ flow_ids = [], values }) => flow_ids.map((flow) => ({ flow, grpid: values.grpid }))),
      ({ flow }) => flow,
    );
    expect(groups.size).toBe(of("TYPE_SLICE_BEGIN"));
    for (const members of groups.values()) expect(new Set(members.map(({ grpid }) => grpid)).size).toBe(1);
  });
});

describe("the rules themselves", () => {
  const good = () => readPackets(perfettoTrace(written(...oneFault)));
  const event = (packets: Packet[], type: string) => packets.find(({ track_event }) => track_event?.type === type)!.track_event!;
  it.each<[string, (packets: Packet[]) => void, RegExp]>([
    ["a packet of no sequence", (packets) => void delete packets[3].trusted_packet_sequence_id, /no trusted_packet_sequence_id/],
    ["incremental state never cleared", (packets) => void (packets[0].sequence_flags = 2), /before SEQ_INCREMENTAL_STATE_CLEARED/],
    ["a name that is not interned yet", (packets) => void (event(packets, "TYPE_INSTANT").name_iid = 999), /event_names 999 is not defined/],
    ["an iid with two names", (packets) => void (packets.at(-1)!.interned_data = { event_names: [{ iid: 1, name: "other" }] }), /event_names 1 is given twice/],
    ["interned data without its flag", (packets) => packets.forEach((packet, i) => void (i && delete packet.sequence_flags)), /without SEQ_NEEDS_INCREMENTAL_STATE/],
    ["a track that nothing describes", (packets) => void (event(packets, "TYPE_INSTANT").track_uuid = 77), /track 77 has no descriptor/],
    ["a parent that nothing describes", (packets) => void (packets[1].track_descriptor!.parent_uuid = 78), /below 78/],
    ["a track described twice", (packets) => void (packets[2].track_descriptor!.uuid = packets[1].track_descriptor!.uuid), /described twice/],
    ["time that goes back", (packets) => void (packets.at(-1)!.timestamp = 1), /goes back/],
    ["an end without its begin", (packets) => void (event(packets, "TYPE_SLICE_BEGIN").type = "TYPE_INSTANT"), /an end without its begin/],
    ["a value on a track of events", (packets) => void (event(packets, "TYPE_COUNTER").track_uuid = 2), /only counters are on counter tracks/],
  ])("name %s", (_what, spoil, message) => {
    const packets = good();
    spoil(packets);
    expect(offences(packets)).toEqual(expect.arrayContaining([expect.stringMatching(message)]));
  });
  it("refuse a field that the schema does not know", () => {
    const bytes = perfettoTrace(written(...oneFault));
    const unknown = Buffer.concat([bytes, Buffer.from([0x0a, 3, 0xd0, 0x06, 1])]); // a packet with field 106
    expect(Trace.decode(unknown)).toBeDefined();
    expect(() => readPackets(unknown)).toThrow(/fields that are not in trace\.proto/);
  });
});
