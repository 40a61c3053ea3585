import type { EdgeDefinition } from "@faultline/shared/edge/definitions.ts";
import type { Envelope } from "@faultline/shared/edge/envelope.ts";
import type { Transport } from "@faultline/shared/edge/transport.ts";
import { EnvelopeCodec, type WireEnvelope } from "@faultline/shared/shell/envelope-codec.ts";
import { connectMethod } from "@faultline/shared/shell/protos.ts";

/** Lets every message of the two ends go through its edge's codec and protobuf, as gRPC carries it (`--encode`): what arrives shares nothing with what was sent. */
export function encodeMessages(definition: EdgeDefinition<never, never>, upper: Transport<never, never>, lower: Transport<never, never>): void {
  const codec = new EnvelopeCodec<never, never>(definition);
  const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } = connectMethod(definition.edge);
  const encoded = (end: Transport<never, never>, write: (message: object) => Buffer, read: (bytes: Buffer) => object) => {
    const { send } = end;
    end.send = (envelope) => send(codec.fromWire(read(write(codec.toWire(envelope))) as WireEnvelope) as Envelope<never>);
  };
  encoded(upper, requestSerialize, requestDeserialize);
  encoded(lower, responseSerialize, responseDeserialize);
}
