import type { TraceValue } from "@faultline/shared/trace/tracer.ts";
import protobuf from "protobufjs/minimal.js";

/** Field numbers of perfetto.protos (google/perfetto, protos/perfetto/trace/: trace.proto, trace_packet.proto, interned_data/interned_data.proto, track_event/*.proto). */
const TRACE = { packet: 1 };
const TRACE_PACKET = { timestamp: 8, trusted_packet_sequence_id: 10, track_event: 11, interned_data: 12, sequence_flags: 13, track_descriptor: 60 };
const SEQUENCE_FLAGS = { INCREMENTAL_STATE_CLEARED: 1, NEEDS_INCREMENTAL_STATE: 2 };
const INTERNED_DATA = { event_categories: 1, event_names: 2, debug_annotation_names: 3 };
const INTERNED = { iid: 1, name: 2 };
const TRACK_DESCRIPTOR = { uuid: 1, name: 2, parent_uuid: 5, counter: 8, child_ordering: 11, sibling_order_rank: 12 };
const COUNTER_DESCRIPTOR = { unit: 3 };
const UNIT_COUNT = 2;
const CHILD_ORDERING_EXPLICIT = 3;
const TRACK_EVENT = { category_iids: 3, debug_annotations: 4, type: 9, name_iid: 10, track_uuid: 11, counter_value: 30, flow_ids: 47 };
const TYPE = { SLICE_BEGIN: 1, SLICE_END: 2, INSTANT: 3, COUNTER: 4 };
const DEBUG_ANNOTATION = { name_iid: 1, bool_value: 2, int_value: 4, double_value: 5, string_value: 6 };

/** Wire types of protobuf. */
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const tag = (field: number, wire: number): number => field * 8 + wire;

/** All packets come from one writer. */
const SEQUENCE = 1;

export interface Track {
  uuid: number;
  name: string;
  parent?: number;
  /** Place among the tracks of one parent. */
  rank?: number;
  /** Its children stand by rank. */
  ordered?: boolean;
  /** It takes counter values and nothing else. */
  counter?: boolean;
}

export interface Event {
  track: number;
  category: string;
  name: string;
  flow?: number;
  values?: Readonly<Record<string, TraceValue | undefined>>;
}

/** Writes a Trace packet by packet; names go into interning tables, so that each stands once in the file. Numbers are safe integers. */
export class PerfettoWriter {
  readonly #out = protobuf.Writer.create();
  readonly #tables = new Map<number, Map<string, number>>();
  /** Table entries that the packet under way uses first. */
  #fresh: { table: number; iid: number; name: string }[] = [];
  #flags = SEQUENCE_FLAGS.INCREMENTAL_STATE_CLEARED | SEQUENCE_FLAGS.NEEDS_INCREMENTAL_STATE;

  track({ uuid, name, parent, rank, ordered, counter }: Track): void {
    this.#packet(null, () => {
      const out = this.#out.uint32(tag(TRACE_PACKET.track_descriptor, DELIMITED)).fork();
      out.uint32(tag(TRACK_DESCRIPTOR.uuid, VARINT)).uint64(uuid);
      out.uint32(tag(TRACK_DESCRIPTOR.name, DELIMITED)).string(name);
      if (parent !== undefined) out.uint32(tag(TRACK_DESCRIPTOR.parent_uuid, VARINT)).uint64(parent);
      if (ordered) out.uint32(tag(TRACK_DESCRIPTOR.child_ordering, VARINT)).int32(CHILD_ORDERING_EXPLICIT);
      if (rank !== undefined) out.uint32(tag(TRACK_DESCRIPTOR.sibling_order_rank, VARINT)).int32(rank);
      if (counter) out.uint32(tag(TRACK_DESCRIPTOR.counter, DELIMITED)).fork().uint32(tag(COUNTER_DESCRIPTOR.unit, VARINT)).int32(UNIT_COUNT).ldelim();
      out.ldelim();
    });
  }

  instant(at: number, event: Event): void {
    this.#event(at, TYPE.INSTANT, event);
  }

  begin(at: number, event: Event): void {
    this.#event(at, TYPE.SLICE_BEGIN, event);
  }

  end(at: number, track: number): void {
    this.#packet(at, () => void this.#eventHead(TYPE.SLICE_END, track).ldelim());
  }

  count(at: number, track: number, value: number): void {
    this.#packet(at, () => void this.#eventHead(TYPE.COUNTER, track).uint32(tag(TRACK_EVENT.counter_value, VARINT)).int64(value).ldelim());
  }

  bytes(): Uint8Array {
    return this.#out.finish();
  }

  #event(at: number, type: number, { track, category, name, flow, values }: Event): void {
    this.#packet(at, () => {
      const out = this.#eventHead(type, track);
      out.uint32(tag(TRACK_EVENT.category_iids, VARINT)).uint64(this.#iid(INTERNED_DATA.event_categories, category));
      out.uint32(tag(TRACK_EVENT.name_iid, VARINT)).uint64(this.#iid(INTERNED_DATA.event_names, name));
      if (flow !== undefined) out.uint32(tag(TRACK_EVENT.flow_ids, FIXED64)).fixed64(flow);
      for (const key in values) this.#annotation(key, values[key]);
      out.ldelim();
    });
  }

  #eventHead(type: number, track: number): protobuf.Writer {
    const out = this.#out.uint32(tag(TRACE_PACKET.track_event, DELIMITED)).fork();
    return out.uint32(tag(TRACK_EVENT.type, VARINT)).int32(type).uint32(tag(TRACK_EVENT.track_uuid, VARINT)).uint64(track);
  }

  #annotation(name: string, value: TraceValue | undefined): void {
    if (value === undefined || value === null) return;
    const out = this.#out.uint32(tag(TRACK_EVENT.debug_annotations, DELIMITED)).fork();
    out.uint32(tag(DEBUG_ANNOTATION.name_iid, VARINT)).uint64(this.#iid(INTERNED_DATA.debug_annotation_names, name));
    if (typeof value === "boolean") out.uint32(tag(DEBUG_ANNOTATION.bool_value, VARINT)).bool(value);
    else if (typeof value !== "number") out.uint32(tag(DEBUG_ANNOTATION.string_value, DELIMITED)).string(Array.isArray(value) ? value.join("; ") : String(value));
    else if (Number.isSafeInteger(value)) out.uint32(tag(DEBUG_ANNOTATION.int_value, VARINT)).int64(value);
    else out.uint32(tag(DEBUG_ANNOTATION.double_value, FIXED64)).double(value);
    out.ldelim();
  }

  #iid(table: number, name: string): number {
    let names = this.#tables.get(table);
    if (!names) this.#tables.set(table, (names = new Map()));
    let iid = names.get(name);
    if (iid === undefined) {
      iid = names.size + 1; // 0 is no iid
      names.set(name, iid);
      this.#fresh.push({ table, iid, name });
    }
    return iid;
  }

  #packet(at: number | null, fill: () => void): void {
    const out = this.#out.uint32(tag(TRACE.packet, DELIMITED)).fork();
    if (at !== null) out.uint32(tag(TRACE_PACKET.timestamp, VARINT)).uint64(at);
    out.uint32(tag(TRACE_PACKET.trusted_packet_sequence_id, VARINT)).uint32(SEQUENCE);
    out.uint32(tag(TRACE_PACKET.sequence_flags, VARINT)).uint32(this.#flags);
    this.#flags = SEQUENCE_FLAGS.NEEDS_INCREMENTAL_STATE;
    fill();
    if (this.#fresh.length) {
      out.uint32(tag(TRACE_PACKET.interned_data, DELIMITED)).fork();
      for (const { table, iid, name } of this.#fresh)
        out.uint32(tag(table, DELIMITED)).fork().uint32(tag(INTERNED.iid, VARINT)).uint64(iid).uint32(tag(INTERNED.name, DELIMITED)).string(name).ldelim();
      out.ldelim();
      this.#fresh = [];
    }
    out.ldelim();
  }
}
