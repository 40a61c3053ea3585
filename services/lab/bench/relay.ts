// One process of the floor: a bare relay over gRPC streams on Unix sockets. Four of them stand in a chain as the services do; the first sends, the last turns round.
import { type Client, credentials, type handleBidiStreamingCall, makeGenericClientConstructor, Server, ServerCredentials, type ServiceDefinition } from "@grpc/grpc-js";
import type { RelayCommand, RelayResult } from "./floor.ts";

type Stream = { write(message: Buffer): unknown; on(event: "data", listener: (message: Buffer) => void): unknown; on(event: "error", listener: () => void): unknown };

const bytes = (message: Buffer): Buffer => message;
const definition: ServiceDefinition = {
  connect: {
    path: "/floor.Relay/Connect",
    requestStream: true,
    responseStream: true,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
};
const MESSAGE_BYTES = 64;
/** argv: the socket that this process serves, and the one of the process below; "-" where there is none. */
const [serves, below] = process.argv.slice(2);

const up = serves === "-" ? null : await listen(serves);
const down = below === "-" ? null : dial(below);
if (up && down) {
  down.on("data", (message) => void up.stream?.write(message));
  up.received = (message) => void down.write(message);
} else if (down) {
  down.on("data", (message) => void down.write(message));
} else if (up) {
  process.on("message", (command: RelayCommand) => measure(up, command).then((result) => process.send!(result)));
}
process.on("disconnect", () => process.exit(0));
process.send!({ ready: true });

async function listen(path: string): Promise<{ stream: Stream | null; received: (message: Buffer) => void }> {
  const end = { stream: null as Stream | null, received: (_: Buffer) => {} };
  const connect: handleBidiStreamingCall<Buffer, Buffer> = (call) => {
    end.stream = call;
    call.on("data", (message) => end.received(message));
    call.on("error", () => {});
  };
  const server = new Server();
  server.addService(definition, { connect });
  await new Promise<void>((resolve, reject) => server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())));
  return end;
}

function dial(path: string): Stream {
  const Relay = makeGenericClientConstructor(definition, "Relay");
  const client = new Relay(`unix:${path}`, credentials.createInsecure()) as unknown as Client & { connect(): Stream };
  const stream = client.connect();
  stream.on("error", () => {});
  return stream;
}

/** Sends `count` messages round, `inFlight` at a time: each message goes three hops up and three hops down. */
async function measure(end: { stream: Stream | null; received: (message: Buffer) => void }, { inFlight, count }: RelayCommand): Promise<RelayResult> {
  const roundTripsUs: number[] = [];
  const started: bigint[] = [];
  let sent = 0;
  const send = () => {
    const message = Buffer.alloc(MESSAGE_BYTES);
    message.writeUInt32LE(sent);
    started[sent++] = process.hrtime.bigint();
    end.stream!.write(message);
  };
  const begin = process.hrtime.bigint();
  await new Promise<void>((resolve) => {
    end.received = (message) => {
      roundTripsUs.push(Number(process.hrtime.bigint() - started[message.readUInt32LE()]) / 1000);
      if (sent < count) send();
      else if (roundTripsUs.length === count) resolve();
    };
    for (let i = 0; i < Math.min(inFlight, count); i++) send();
  });
  return { roundTripsUs, perSecond: count / (Number(process.hrtime.bigint() - begin) / 1e9) };
}
