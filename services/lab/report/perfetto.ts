import type { TraceEvent, TraceValue } from "@faultline/shared/trace/tracer.ts";
import { type Lifeline, lifelineOf, lifelines } from "./lifelines.ts";
import { ProtobufMessage } from "./protobuf.ts";

/** Field numbers of perfetto.protos (protos/perfetto/trace/trace.proto, trace_packet.proto, track_event/*.proto). */
const TRACE = { packet: 1 };
const TRACE_PACKET = { timestamp: 8, trusted_packet_sequence_id: 10, track_event: 11, track_descriptor: 60 };
const TRACK_DESCRIPTOR = { uuid: 1, name: 2 };
const TRACK_EVENT = { debug_annotations: 4, type: 9, track_uuid: 11, categories: 22, name: 23, flow_ids: 47 };
const DEBUG_ANNOTATION = { bool_value: 2, int_value: 4, string_value: 6, name: 10 };
const TYPE = { SLICE_BEGIN: 1, SLICE_END: 2, INSTANT: 3 };
const SEQUENCE = 1;

const trackOf = (lifeline: Lifeline): number => 1 + lifelines.indexOf(lifeline);
/** Groups under way are slices, each on a track of its own: they overlap. */
const FIRST_GROUP_TRACK = 100;

const packet = (): ProtobufMessage => new ProtobufMessage().varint(TRACE_PACKET.trusted_packet_sequence_id, SEQUENCE);
const descriptor = (uuid: number, name: string): ProtobufMessage =>
  packet().message(TRACE_PACKET.track_descriptor, new ProtobufMessage().varint(TRACK_DESCRIPTOR.uuid, uuid).string(TRACK_DESCRIPTOR.name, name));

function annotation(name: string, value: TraceValue): ProtobufMessage {
  const message = new ProtobufMessage().string(DEBUG_ANNOTATION.name, name);
  if (typeof value === "boolean") return message.varint(DEBUG_ANNOTATION.bool_value, value ? 1 : 0);
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return message.varint(DEBUG_ANNOTATION.int_value, value);
  return message.string(DEBUG_ANNOTATION.string_value, Array.isArray(value) ? value.join("; ") : String(value));
}

/**
 * `trace.perfetto`: the history in the protobuf format of ui.perfetto.dev and trace_processor. A track per lifeline with its events as instants, a slice per page request group, and a flow
 * through every event of a group. Timestamps are the history's nanoseconds, made monotonic by its total order.
 */
export function perfettoTrace(history: readonly TraceEvent[]): Uint8Array {
  const packets: ProtobufMessage[] = lifelines.map((lifeline) => descriptor(trackOf(lifeline), lifeline));
  const origin = history[0]?.t ?? 0;
  const open = new Map<string, number>();
  let groups = 0;
  let flows = 0;
  const flowOf = new Map<string, number>();
  let now = 0;
  const event = (track: number, type: number, fill: (message: ProtobufMessage) => void = () => {}) => {
    const message = new ProtobufMessage().varint(TRACK_EVENT.type, type).varint(TRACK_EVENT.track_uuid, track);
    fill(message);
    packets.push(packet().varint(TRACE_PACKET.timestamp, now).message(TRACE_PACKET.track_event, message));
  };
  for (const { n, t, who, kind, ids, fields } of history) {
    now = Math.max(now, Math.round(t - origin));
    const endpoint = ids.sid ?? ids.endpoint;
    const group = endpoint !== undefined && ids.grpid !== undefined ? `${endpoint}/${ids.grpid}` : null;
    if (group && kind === "endpoint.page-request" && !open.has(group)) {
      open.set(group, FIRST_GROUP_TRACK + groups);
      flowOf.set(group, ++flows);
      packets.push(descriptor(FIRST_GROUP_TRACK + groups++, `group ${group}`));
      event(open.get(group)!, TYPE.SLICE_BEGIN, (message) =>
        message.string(TRACK_EVENT.categories, "group").string(TRACK_EVENT.name, `endpoint ${endpoint}, group ${ids.grpid}`),
      );
    }
    event(trackOf(lifelineOf(who, kind)), TYPE.INSTANT, (message) => {
      message.string(TRACK_EVENT.categories, kind.split(".")[0]).string(TRACK_EVENT.name, kind);
      const flow = group ? flowOf.get(group) : undefined;
      if (flow !== undefined) message.fixed64(TRACK_EVENT.flow_ids, flow);
      const values: Record<string, TraceValue> = { n, who, ...ids, ...fields };
      for (const [name, value] of Object.entries(values))
        if (value !== undefined && value !== null) message.message(TRACK_EVENT.debug_annotations, annotation(name, value));
    });
    if (group && (kind === "endpoint.prg-response" || kind === "endpoint.group-closed") && open.has(group)) {
      event(open.get(group)!, TYPE.SLICE_END);
      open.delete(group);
    }
  }
  return Buffer.concat(packets.map((one) => new ProtobufMessage().message(TRACE.packet, one).bytes()));
}
