import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { type EndOptions, lowerEnd, upperEnd } from "@faultline/shared/edge/connect.ts";
import type { EdgeDefinition } from "@faultline/shared/edge/definitions.ts";
import type { Edge } from "@faultline/shared/edge/edge.ts";
import type { Hello } from "@faultline/shared/edge/envelope.ts";
import { inMemoryPair } from "@faultline/shared/edge/in-memory-transport.ts";
import type { Transport } from "@faultline/shared/edge/transport.ts";
import { dialEdge, serveEdge } from "@faultline/shared/shell/grpc-edge.ts";
import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { Server, ServerCredentials } from "@grpc/grpc-js";

type Body = { kind: string };
export interface Pair<Upper, Lower> {
  upper: Transport<Upper, Lower>;
  lower: Transport<Lower, Upper>;
  close(): void;
}
/** Makes two connected transports of one edge. */
export type Connect = <Upper extends Body, Lower extends Body>(definition: EdgeDefinition<Upper, Lower>) => Promise<Pair<Upper, Lower>>;

const inMemory: Connect = async <Upper extends Body, Lower extends Body>() => {
  const [upper, lower] = inMemoryPair<Upper, Lower>((deliver) => void setImmediate(deliver));
  return { upper, lower, close: () => {} };
};

const overGrpc =
  (address: (directory: string, server: Server) => Promise<string>): Connect =>
  async (definition) => {
    const directory = mkdtempSync(joinPath(tmpdir(), "fl-edge-"));
    const server = new Server();
    const accepted = new Promise<Pair<never, never>["lower"]>((resolve) => serveEdge(server, definition, (transport) => resolve(transport as never)));
    const upper = await dialEdge(await address(directory, server), definition);
    upper.onClose = () => {};
    return {
      upper,
      lower: (await accepted) as never,
      close() {
        server.forceShutdown();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  };

const bind = (server: Server, address: string): Promise<number> =>
  new Promise((resolve, reject) => server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))));

export const transports: [string, Connect][] = [
  ["in memory", inMemory],
  [
    "gRPC over a Unix socket",
    overGrpc(async (directory, server) => {
      const address = `unix:${joinPath(directory, "edge.sock")}`;
      await bind(server, address);
      return address;
    }),
  ],
  ["gRPC over TCP", overGrpc(async (_, server) => `127.0.0.1:${await bind(server, "127.0.0.1:0")}`)],
];

/** One end under test and everything that happened at it, in order. */
export interface End<Out extends Body, In extends Body> {
  edge: Edge<Out, In>;
  /** "write 0x10 aabb", "deliver 2 mmioRead", "rejected 2 mmioRead.size", "own 0x10 aabb", "break". */
  log: string[];
  received: { seq: number; body: In }[];
  ready: Promise<Hello>;
  broke: Promise<string>;
}

export const hello = (protocol: string, name: string, change: Partial<Hello> = {}): Hello => ({
  protocol,
  name,
  machineDigest: "d1",
  abi: "review",
  memory: { backing: "heap", path: "", bytes: 4096 },
  ...change,
});

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function endOptions<Out extends Body, In extends Body>(
  own: Hello,
  credits: number,
  extra: Partial<EndOptions<In>>,
  onMessage?: (end: End<Out, In>, seq: number, body: In) => void,
): { end: End<Out, In>; options: EndOptions<In> } {
  const end = { log: [] as string[], received: [] as { seq: number; body: In }[] } as unknown as End<Out, In>;
  let ready: (peer: Hello) => void = () => {};
  let broke: (reason: string) => void = () => {};
  end.ready = new Promise((resolve) => (ready = resolve));
  end.broke = new Promise((resolve) => (broke = resolve));
  const options: EndOptions<In> = {
    hello: own,
    credits,
    lamport: { value: 0 },
    tracer: silentTracer,
    applyWrite: (address, data) => void end.log.push(`write 0x${address.toString(16)} ${hex(data)}`),
    applyOwnWrite: (address, data) => void end.log.push(`own 0x${address.toString(16)} ${hex(data)}`),
    deliver(seq, body) {
      end.log.push(`deliver ${body.kind}`);
      end.received.push({ seq, body });
      onMessage?.(end, seq, body);
    },
    onReady: ready,
    onRejected: (_, why) => void end.log.push(`rejected ${why.field}`),
    onBreak(reason) {
      end.log.push("break");
      broke(reason);
    },
    ...extra,
  };
  return { end, options };
}

export interface Joined<Upper extends Body, Lower extends Body> {
  upper: End<Upper, Lower>;
  lower: End<Lower, Upper>;
  pair: Pair<Upper, Lower>;
}
export interface JoinOptions<Upper extends Body, Lower extends Body> {
  credits?: number;
  upperHello?: Partial<Hello>;
  upper?: Partial<EndOptions<Lower>>;
  lower?: Partial<EndOptions<Upper>>;
  /** The lower core. */
  serve?(end: End<Lower, Upper>, seq: number, body: Upper): void;
}

/** Both ends of an edge over a fresh pair of transports. */
export async function join<Upper extends Body, Lower extends Body>(
  connect: Connect,
  definition: EdgeDefinition<Upper, Lower>,
  options: JoinOptions<Upper, Lower> = {},
): Promise<Joined<Upper, Lower>> {
  const pair = await connect(definition);
  const credits = options.credits ?? 16;
  const below = endOptions<Lower, Upper>(hello(definition.protocol, definition.lower), credits, options.lower ?? {}, options.serve);
  const above = endOptions<Upper, Lower>(hello(definition.protocol, definition.upper, options.upperHello), credits, options.upper ?? {});
  below.end.edge = lowerEnd(definition, pair.lower, below.options);
  above.end.edge = upperEnd(definition, pair.upper, above.options);
  return { upper: above.end, lower: below.end, pair };
}

/** Resolves once `condition` holds; a test that waits in vain runs into its own time-out. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}
