import { existsSync } from "node:fs";
import {
  type ChannelOptions,
  Client,
  credentials,
  type Metadata,
  type Server,
  type ServerDuplexStream,
  type ServiceError,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { EdgeDefinition } from "../edge/definitions.ts";
import type { Envelope } from "../edge/envelope.ts";
import type { Transport } from "../edge/transport.ts";
import { EnvelopeCodec, type WireEnvelope } from "./envelope-codec.ts";
import { InfrastructureError } from "./infrastructure-error.ts";
import { connectMethod, protoService } from "./protos.ts";

type Body = { kind: string };

/** How long dialling waits for the server (design.md, section 2). */
export const DIAL_MS = 10_000;
const KEEPALIVE_MS = 2_000;

const isLocal = (address: string): boolean => address.startsWith("unix:");

/** A remote peer is dead after 2 s + 2 s of silence; a local one that is paused stays connected. */
export function channelOptions(address: string): ChannelOptions {
  const options: ChannelOptions = {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0, // a break is final, and no message is kept for a second try
    "grpc.service_config_disable_resolution": 1,
    "grpc.initial_reconnect_backoff_ms": 20,
    "grpc.max_reconnect_backoff_ms": 200,
  };
  if (!isLocal(address))
    Object.assign(options, { "grpc.keepalive_time_ms": KEEPALIVE_MS, "grpc.keepalive_timeout_ms": KEEPALIVE_MS, "grpc.keepalive_permit_without_calls": 1 });
  return options;
}

type Stream = { write(message: WireEnvelope): unknown; end(): unknown; on(event: string, listener: (...args: never[]) => void): unknown };

/** One end of an edge's stream. Nothing is read before somebody listens. */
class GrpcTransport<Out extends Body, In extends Body> implements Transport<Out, In> {
  readonly #stream: Stream;
  readonly #codec: EnvelopeCodec<Out, In>;
  readonly #ended: () => void;
  #onMessage: ((envelope: Envelope<In>) => void) | null = null;
  #onClose: (reason: string) => void = () => {};
  #closed: string | null = null;

  constructor(stream: Stream, codec: EnvelopeCodec<Out, In>, ended: () => void = () => {}) {
    this.#stream = stream;
    this.#codec = codec;
    this.#ended = ended;
  }

  get onMessage(): (envelope: Envelope<In>) => void {
    return this.#onMessage ?? (() => {});
  }
  set onMessage(listener: (envelope: Envelope<In>) => void) {
    const first = this.#onMessage === null;
    this.#onMessage = listener;
    if (first) this.#stream.on("data", (wire: WireEnvelope) => this.#onMessage?.(this.#codec.fromWire(wire)));
  }

  get onClose(): (reason: string) => void {
    return this.#onClose;
  }
  set onClose(listener: (reason: string) => void) {
    this.#onClose = listener;
    if (this.#closed !== null) queueMicrotask(() => listener(this.#closed ?? ""));
  }

  send(envelope: Envelope<Out>): void {
    if (this.#closed === null) this.#stream.write(this.#codec.toWire(envelope));
  }

  /** What was sent before still arrives. */
  close(reason: string): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    this.#stream.end();
    this.#ended();
  }

  /** The stream ended by itself. */
  lost(reason: string): void {
    if (this.#closed !== null) return;
    this.#closed = reason;
    this.#ended();
    this.#onClose(reason);
  }
}

/** Serves the stream of an edge on `server`: `connected` gets the lower end's transport of each upper end that dials. */
export function serveEdge<Upper extends Body, Lower extends Body>(
  server: Server,
  definition: EdgeDefinition<Upper, Lower>,
  connected: (transport: Transport<Lower, Upper>) => void,
): void {
  const codec = new EnvelopeCodec<Lower, Upper>(definition);
  const Connect = (call: ServerDuplexStream<WireEnvelope, WireEnvelope>) => {
    const transport = new GrpcTransport<Lower, Upper>(call as Stream, codec);
    call.on("cancelled", () => transport.lost("the peer is gone"));
    call.on("error", (error: Error) => transport.lost(error.message));
    call.on("end", () => {
      transport.lost("the peer closed the stream");
      call.end();
    });
    connected(transport);
  };
  server.addService(protoService(definition.edge), { Connect } as unknown as UntypedServiceImplementation);
}

/** Dials the lower end of an edge, waiting up to `DIAL_MS` for it. Rejects when nobody answers; after that a break is final. */
export async function dialEdge<Upper extends Body, Lower extends Body>(
  address: string,
  definition: EdgeDefinition<Upper, Lower>,
  dialMs = DIAL_MS,
): Promise<Transport<Upper, Lower>> {
  const client = await dial(address, dialMs);
  const method = connectMethod(definition.edge);
  const call = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
  const transport = new GrpcTransport<Upper, Lower>(call as unknown as Stream, new EnvelopeCodec<Upper, Lower>(definition), () => setImmediate(() => client.close()));
  call.on("error", (error: ServiceError) => transport.lost(error.details || error.message));
  call.on("end", () => transport.lost("the peer closed the stream"));
  call.on("metadata", (_: Metadata) => {});
  return transport;
}

/** A client whose channel is connected; a Unix socket is waited for without the channel's back-off. */
export async function dial(address: string, dialMs = DIAL_MS): Promise<Client> {
  const deadline = Date.now() + dialMs;
  if (isLocal(address)) {
    const path = address.slice("unix:".length).replace(/^\/\/\//, "/");
    while (!existsSync(path) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 4));
  }
  const client = new Client(address, credentials.createInsecure(), channelOptions(address));
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(deadline, (error) => {
      if (!error) return resolve();
      client.close();
      reject(new InfrastructureError(`nobody serves ${address} within ${dialMs / 1000} s`));
    });
  });
  return client;
}
