import { readFileSync } from "node:fs";
import protobuf from "protobufjs";

export interface Interned {
  iid: number;
  name: string;
}
export interface TrackEvent {
  type: "TYPE_SLICE_BEGIN" | "TYPE_SLICE_END" | "TYPE_INSTANT" | "TYPE_COUNTER";
  track_uuid: number;
  name_iid?: number;
  category_iids?: number[];
  counter_value?: number;
  flow_ids?: number[];
  debug_annotations?: { name_iid: number; [value: string]: unknown }[];
}
export interface Packet {
  timestamp?: number;
  trusted_packet_sequence_id?: number;
  sequence_flags?: number;
  interned_data?: { event_categories?: Interned[]; event_names?: Interned[]; debug_annotation_names?: Interned[] };
  track_event?: TrackEvent;
  track_descriptor?: { uuid: number; name: string; parent_uuid?: number; counter?: object; sibling_order_rank?: number };
}

const CLEARED = 1;
const NEEDS = 2;

export const Trace = protobuf.parse(readFileSync(new URL("trace.proto", import.meta.url), "utf8"), { keepCase: true }).root.lookupType("perfetto.protos.Trace");

/** The packets of a trace by the schema alone. A RangeError when it has a field that the schema does not know: what is written is as long as what is read. */
export function readPackets(bytes: Uint8Array): Packet[] {
  const trace = Trace.decode(bytes);
  const length = Trace.encode(trace).finish().length;
  if (length !== bytes.length) throw new RangeError(`${bytes.length - length} bytes of fields that are not in trace.proto`);
  return (Trace.toObject(trace, { longs: Number, enums: String }) as { packet?: Packet[] }).packet ?? [];
}

/** What an event's `iid`s stand for. */
export type Names = Record<"event_categories" | "event_names" | "debug_annotation_names", Map<number, string>>;
const noNames = (): Names => ({ event_categories: new Map(), event_names: new Map(), debug_annotation_names: new Map() });

/** Every name of a trace of one sequence. */
export function namesOf(packets: readonly Packet[]): Names {
  const names = noNames();
  for (const { interned_data = {} } of packets)
    for (const table of Object.keys(names) as (keyof Names)[]) for (const { iid, name } of interned_data[table] ?? []) names[table].set(iid, name);
  return names;
}

/**
 * What trace_processor would complain of, or drop without a word, in the order of the packets. The rules are those that the comments of the public schema state: sequences and their incremental
 * state (trace_packet.proto), interning (interned_data.proto), tracks (track_descriptor.proto), slices and counters (track_event.proto). Slices that are still open at the end are no offence.
 */
export function offences(packets: readonly Packet[]): string[] {
  const found: string[] = [];
  const sequences = new Map<number, Names>();
  const tracks = new Map<number, { counter: boolean; open: number }>([[0, { counter: false, open: 0 }]]);
  let last = 0;
  for (const [i, packet] of packets.entries()) {
    const say = (text: string) => void found.push(`packet ${i}: ${text}`);
    const {
      trusted_packet_sequence_id: sequence = 0,
      sequence_flags: flags = 0,
      interned_data: interned = {},
      track_event: event,
      track_descriptor: track,
      timestamp,
    } = packet;
    if (!sequence) say("no trusted_packet_sequence_id");
    if (flags & CLEARED) sequences.set(sequence, noNames());
    const names = sequences.get(sequence);
    if (!names) say("before SEQ_INCREMENTAL_STATE_CLEARED of its sequence");
    for (const table of Object.keys(interned) as (keyof Names)[])
      for (const { iid, name } of interned[table] ?? []) {
        if (!iid) say(`${table} has an entry without iid`);
        if (names?.[table].has(iid) && names[table].get(iid) !== name) say(`${table} ${iid} is given twice`);
        names?.[table].set(iid, name);
      }
    if (track) {
      if (!track.uuid || tracks.has(track.uuid)) say(`track ${track.uuid} is described twice, or is the trace's own`);
      if (track.parent_uuid !== undefined && !tracks.has(track.parent_uuid)) say(`track ${track.uuid} is below ${track.parent_uuid}, which nothing describes`);
      tracks.set(track.uuid, { counter: track.counter !== undefined, open: 0 });
    }
    if (!event) continue;
    if (timestamp === undefined) say("an event without timestamp");
    else if (timestamp < last) say(`goes back from ${last} to ${timestamp}`);
    last = timestamp ?? last;
    const used: [keyof Names, number][] = [
      ...(event.category_iids ?? []).map((iid): [keyof Names, number] => ["event_categories", iid]),
      ...(event.name_iid === undefined ? [] : [["event_names", event.name_iid] as [keyof Names, number]]),
      ...(event.debug_annotations ?? []).map(({ name_iid }): [keyof Names, number] => ["debug_annotation_names", name_iid]),
    ];
    if (used.length && !(flags & NEEDS)) say("uses interned data without SEQ_NEEDS_INCREMENTAL_STATE");
    for (const [table, iid] of used) if (!names?.[table].has(iid)) say(`${table} ${iid} is not defined`);
    const on = tracks.get(event.track_uuid);
    if (!on) say(`track ${event.track_uuid} has no descriptor`);
    else if (on.counter !== (event.type === "TYPE_COUNTER") || on.counter !== (event.counter_value !== undefined))
      say("counters and only counters are on counter tracks");
    else if (event.type === "TYPE_SLICE_BEGIN") on.open++;
    else if (event.type === "TYPE_SLICE_END" && --on.open < 0) say("an end without its begin");
    if ((event.type === "TYPE_INSTANT" || event.type === "TYPE_SLICE_BEGIN") && event.name_iid === undefined) say("an event without name");
  }
  return found;
}
