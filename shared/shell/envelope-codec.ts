import { numberOf } from "../codec/uint64.ts";
import type { EdgeDefinition } from "../edge/definitions.ts";
import type { ControlBody, Envelope, Hello, PostedWrite } from "../edge/envelope.ts";
import { regionAddressFromWire, regionAddressToWire } from "../edge/vfio.ts";

type Fields = Record<string, unknown>;
/** An envelope as proto-loader reads and writes it: the body under the name of its oneof member, which is the kind of the message. */
export type WireEnvelope = {
  seq: number;
  replyTo: number;
  lamport: number;
  trace: Uint8Array;
  writes?: { address: Uint8Array; data: Uint8Array }[];
  body?: string;
} & Fields;

const NO_WRITES: readonly PostedWrite[] = [];

/** Translates between envelopes and the messages of one edge's proto: `{kind, ...fields}` is `{body: kind, [kind]: fields}`, addresses are 8 bytes. */
export class EnvelopeCodec<Out extends { kind: string }, In extends { kind: string }> {
  readonly #addresses: Map<string, readonly string[]>;
  readonly #bytes: Map<string, readonly string[]>;

  /** Addresses of posted writes: physical ones, or places in regions on vfio/v1. */
  readonly #postedToWire: (address: number) => Uint8Array;
  readonly #postedFromWire: (bytes: Uint8Array) => number;

  constructor(definition: Pick<EdgeDefinition<never, never>, "messages" | "edge">) {
    this.#postedToWire = definition.edge === "vfio" ? regionAddressToWire : addressBytes;
    this.#postedFromWire = definition.edge === "vfio" ? regionAddressFromWire : addressOf;
    const fieldsOf = (type: string) =>
      new Map(Object.entries(definition.messages).map(([kind, shape]) => [kind, Object.keys(shape).filter((field) => shape[field] === type)]));
    this.#addresses = fieldsOf("address");
    this.#bytes = fieldsOf("bytes");
  }

  toWire(envelope: Envelope<Out>): WireEnvelope {
    const { seq, replyTo, lamport, trace, body } = envelope;
    const wire: WireEnvelope = { seq, replyTo, lamport, trace };
    if (envelope.writes.length) wire.writes = envelope.writes.map(({ address, data }) => ({ address: this.#postedToWire(address), data }));
    const { kind } = body;
    const addresses = this.#addresses.get(kind);
    if (addresses === undefined) wire[kind] = kind === "hello" ? helloToWire(body as Hello) : body;
    else if (addresses.length === 0)
      wire[kind] = body; // the proto has no field "kind": it stays here
    else {
      const fields: Fields = { ...body };
      for (const field of addresses) fields[field] = addressBytes(fields[field] as number);
      wire[kind] = fields;
    }
    return wire;
  }

  /** Takes the decoded message over. What is no address becomes NaN, which `validate` refuses. */
  fromWire(wire: WireEnvelope): Envelope<In> {
    const kind = wire.body ?? "";
    const fields = (wire[kind] ?? {}) as Fields;
    for (const field of this.#addresses.get(kind) ?? []) fields[field] = addressOf(fields[field] as Uint8Array);
    for (const field of this.#bytes.get(kind) ?? []) fields[field] = plain(fields[field] as Uint8Array);
    if (kind === "hello") fields.memory = memoryOf(fields.memory as Fields | null);
    fields.kind = kind;
    const writes = wire.writes?.length ? wire.writes.map(({ address, data }) => ({ address: this.#postedFromWire(address), data: plain(data) })) : NO_WRITES;
    return { seq: wire.seq, replyTo: wire.replyTo, lamport: wire.lamport, trace: wire.trace, writes, body: fields as In | ControlBody };
  }
}

function addressBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, value % 2 ** 32, true);
  view.setUint32(4, Math.floor(value / 2 ** 32), true);
  return bytes;
}

const addressOf = (bytes: Uint8Array): number => (bytes.length === 8 ? numberOf(bytes) : Number.NaN);

/** A core sees a Uint8Array, whose `slice` copies; a Buffer's does not. */
const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);

const helloToWire = ({ protocol, name, machineDigest, abi, memory }: Hello): Fields => ({
  protocol,
  name,
  machineDigest,
  abi,
  memory: { ...memory, bytes: addressBytes(memory.bytes) },
});

const memoryOf = (memory: Fields | null): Hello["memory"] => ({
  backing: String(memory?.backing ?? ""),
  path: String(memory?.path ?? ""),
  bytes: memory ? addressOf(memory.bytes as Uint8Array) : 0,
});
