import { describe, expect, it } from "vitest";
import { type MessageShape, smmuEdge, vfioEdge, virtioEdge } from "../edge/definitions.ts";
import { regionAddress } from "../edge/vfio.ts";
import { EnvelopeCodec, type WireEnvelope } from "./envelope-codec.ts";
import { connectMethod } from "./protos.ts";

type Body = { kind: string };

/** A value of each type that survives only when the proto and the shape agree. */
function example(type: MessageShape[string]): unknown {
  if (typeof type !== "string") return type.at(-1);
  return { uint: 0xfedc_ba98, int: -22, bytes: Uint8Array.from([0, 1, 254, 255]), string: "/dev/vfio/1", bool: true, address: 0x000f_1234_5678_9ab0 }[type];
}

describe.each([smmuEdge, vfioEdge, virtioEdge].map((definition) => [definition.protocol, definition] as const))("every message of %s", (_, definition) => {
  const codec = new EnvelopeCodec<Body, Body>(definition);
  const posted = definition.edge === "vfio" ? regionAddress(8191, 10, 0x8fff) : 2 ** 52 + 8;
  const { requestSerialize, requestDeserialize } = connectMethod(definition.edge);
  const across = (body: Body) =>
    codec.fromWire(
      requestDeserialize(
        requestSerialize(codec.toWire({ seq: 1, replyTo: 2, lamport: 3, trace: new Uint8Array(0), writes: [{ address: posted, data: Uint8Array.from([1, 2]) }], body })),
      ) as WireEnvelope,
    );

  for (const [kind, shape] of Object.entries(definition.messages)) {
    it(`${kind} crosses the wire with all its fields`, () => {
      const body = { kind, ...Object.fromEntries(Object.entries(shape).map(([field, type]) => [field, example(type)])) };
      expect(across(body)).toMatchObject({ seq: 1, replyTo: 2, lamport: 3, writes: [{ address: posted, data: Uint8Array.from([1, 2]) }] });
      expect(across(body).body).toEqual(body);
    });
  }
  it("hello, rejected and ack cross the wire", () => {
    const hello = { kind: "hello", protocol: "p", name: "n", machineDigest: "d", abi: "review", memory: { backing: "mapped", path: "/dev/shm/x", bytes: 50331648 } };
    for (const body of [hello, { kind: "rejected", field: "f", reason: "r" }, { kind: "ack", n: 1024 }]) expect(across(body).body).toEqual(body);
  });
  it("an envelope without a body has the kind of no message", () => {
    expect(codec.fromWire(requestDeserialize(Buffer.alloc(0)) as WireEnvelope).body).toEqual({ kind: "" });
  });
});

describe("addresses", () => {
  it("of posted writes on vfio/v1 are fd << 48 | region << 40 | offset; what no region holds is no address", () => {
    const codec = new EnvelopeCodec<Body, Body>(vfioEdge);
    const writes = [{ address: regionAddress(33, 9, 0x1040), data: new Uint8Array(0) }];
    const wire = codec.toWire({ seq: 1, replyTo: 0, lamport: 1, trace: new Uint8Array(0), writes, body: { kind: "signal", fd: 5, value: 1 } as Body });
    expect(wire.writes?.[0].address).toEqual(Uint8Array.from([0x40, 0x10, 0, 0, 0, 9, 33, 0]));
    const from = (address: number[]) => codec.fromWire({ ...wire, writes: [{ address: Uint8Array.from(address), data: new Uint8Array(0) }] }).writes[0].address;
    expect([from([0, 0, 0, 0, 1, 9, 7, 0]), from([0, 0, 0, 0, 0, 9, 0, 0x20]), from([1])]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  it("are 8 little-endian bytes on the wire; other lengths are no address", () => {
    const codec = new EnvelopeCodec<Body, Body>(smmuEdge);
    const wire = codec.toWire({
      seq: 1,
      replyTo: 0,
      lamport: 1,
      trace: new Uint8Array(0),
      writes: [],
      body: { kind: "mmioRead", address: 0x0905_0098, size: 4 } as Body,
    });
    expect(wire.mmioRead).toEqual({ kind: "mmioRead", address: Uint8Array.from([0x98, 0, 5, 9, 0, 0, 0, 0]), size: 4 });
    const short = codec.fromWire({ seq: 1, replyTo: 0, lamport: 1, trace: new Uint8Array(0), body: "mmioRead", mmioRead: { address: Uint8Array.from([1, 2]), size: 4 } });
    expect(short.body).toEqual({ kind: "mmioRead", address: Number.NaN, size: 4 });
  });
});
