import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { oneFault, written } from "../checkers/test-support/written-history.ts";
import { perfettoTrace } from "./perfetto.ts";

/** The part of Perfetto's schema that is used, with its field numbers (protos/perfetto/trace/trace.proto, trace_packet.proto, track_event/). */
const schema = `syntax = "proto2"; package perfetto.protos;
message Trace { repeated TracePacket packet = 1; }
message TracePacket {
  optional uint64 timestamp = 8;
  oneof data { TrackEvent track_event = 11; TrackDescriptor track_descriptor = 60; }
  oneof optional_trusted_packet_sequence_id { uint32 trusted_packet_sequence_id = 10; }
}
message TrackDescriptor { optional uint64 uuid = 1; optional string name = 2; }
message TrackEvent {
  enum Type { TYPE_UNSPECIFIED = 0; TYPE_SLICE_BEGIN = 1; TYPE_SLICE_END = 2; TYPE_INSTANT = 3; TYPE_COUNTER = 4; }
  repeated string categories = 22;
  optional string name = 23;
  optional Type type = 9;
  optional uint64 track_uuid = 11;
  repeated fixed64 flow_ids = 47;
  repeated DebugAnnotation debug_annotations = 4;
}
message DebugAnnotation {
  oneof name_field { uint64 name_iid = 1; string name = 10; }
  oneof value { bool bool_value = 2; uint64 uint_value = 3; int64 int_value = 4; double double_value = 5; string string_value = 6; }
}`;
const Trace = protobuf.parse(schema, { keepCase: true }).root.lookupType("perfetto.protos.Trace");
interface Packet {
  timestamp?: number;
  track_event?: { name?: string; type: string; track_uuid: number; flow_ids?: string[]; debug_annotations?: { name: string; [value: string]: unknown }[] };
  track_descriptor?: { uuid: number; name: string };
}
const packets = (bytes: Uint8Array) => (Trace.toObject(Trace.decode(bytes), { longs: String, enums: String }) as { packet: Packet[] }).packet;

describe("trace.perfetto, read with Perfetto's own schema", () => {
  const history = written(...oneFault);
  const read = packets(perfettoTrace(history));
  it("has a named track for each lifeline, and an instant for each event in the history's order", () => {
    expect(read.flatMap(({ track_descriptor }) => track_descriptor?.name ?? [])).toEqual(["guest", "vmm", "host", "smmu", "endpoint", "lab", "group 0x8/3"]);
    const instants = read.filter(({ track_event }) => track_event?.type === "TYPE_INSTANT");
    expect(instants.map(({ track_event }) => track_event!.name)).toEqual(history.map(({ kind }) => kind));
    expect(instants.map(({ timestamp }) => Number(timestamp))).toEqual(history.map(({ t }) => t));
  });
  it("has the fields of an event as annotations of their type", () => {
    const request = read.find(({ track_event }) => track_event?.name === "endpoint.page-request" && track_event.type === "TYPE_INSTANT")!;
    expect(request.track_event!.debug_annotations).toEqual(
      expect.arrayContaining([
        { name: "n", int_value: "1" },
        { name: "iova", string_value: "0x7000" },
        { name: "last", bool_value: true },
        { name: "write", bool_value: false },
      ]),
    );
  });
  it("has a slice from the page request to its response, and one flow through the group", () => {
    const ends = read.filter(({ track_event }) => track_event?.type.startsWith("TYPE_SLICE"));
    expect(ends.map(({ track_event, timestamp }) => [track_event!.type, Number(timestamp)])).toEqual([
      ["TYPE_SLICE_BEGIN", 0],
      ["TYPE_SLICE_END", 14],
    ]);
    const flows = read.flatMap(({ track_event }) => track_event?.flow_ids ?? []);
    expect(new Set(flows)).toEqual(new Set(["1"]));
    expect(flows.length).toBe(history.filter(({ ids }) => ids.grpid !== undefined).length);
  });
  it("carries real monotonic clocks, which exceed 32 bits, relative to the first event", () => {
    const late = history.map((event, i) => ({ ...event, t: 9_000_000_000_000_000 + i * 5e9 }));
    const times = packets(perfettoTrace(late)).flatMap(({ timestamp }) => (timestamp === undefined ? [] : Number(timestamp)));
    expect(Math.max(...times)).toBe(14 * 5e9);
  });
});
