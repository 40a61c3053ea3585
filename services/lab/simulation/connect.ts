import { type EndOptions, lowerEnd, upperEnd } from "@faultline/shared/edge/connect.ts";
import type { EdgeDefinition } from "@faultline/shared/edge/definitions.ts";
import type { Edge } from "@faultline/shared/edge/edge.ts";
import { inMemoryPair } from "@faultline/shared/edge/in-memory-transport.ts";
import { encodeMessages } from "./encoded.ts";
import { Link } from "./link.ts";
import type { SimPart } from "./part.ts";
import type { Scheduler } from "./scheduler.ts";

/** What a core does at its end of an edge. */
export type CoreEnd<In> = Pick<EndOptions<In>, "applyWrite" | "applyOwnWrite" | "deliver" | "accept" | "onReady" | "onBreak">;

/** Nanoseconds that a message travels: at least, and the spread that the seed draws from. */
const LATENCY = { minimum: 1000, spread: 2000 };

/** Joins two parts by an edge in memory: the edge state machine of the processes, its messages delivered by the scheduler. `encode`: they pass through the codec. */
export function connect<Upper extends { kind: string }, Lower extends { kind: string }>(
  scheduler: Scheduler,
  definition: EdgeDefinition<Upper, Lower>,
  machine: { digest: string; abi: string; credits: number; encode: boolean },
  upper: SimPart,
  upperCore: CoreEnd<Lower>,
  lower: SimPart,
  lowerCore: CoreEnd<Upper>,
): { upper: Edge<Upper, Lower>; lower: Edge<Lower, Upper>; link: Link } {
  const link = new Link(scheduler, upper, lower);
  const channel = (way: "up" | "down") => scheduler.channel(LATENCY.minimum, LATENCY.spread, (deliver: () => void) => link.arrive(way, deliver));
  const [up, down] = inMemoryPair<Upper, Lower>(channel("down"), channel("up"));
  link.ends(up as never, down as never);
  if (machine.encode) encodeMessages(definition as never, up as never, down as never);
  const common = ({ name, lamport, tracer, faults }: SimPart) => ({
    credits: machine.credits,
    hello: { protocol: definition.protocol, name, machineDigest: machine.digest, abi: machine.abi, memory: { backing: "heap" as const, path: "", bytes: 0 } },
    lamport,
    tracer,
    rules: faults.edges,
  });
  return {
    lower: lowerEnd(definition, down, { ...lowerCore, ...common(lower) }),
    upper: upperEnd(definition, up, { ...upperCore, ...common(upper) }),
    link,
  };
}
