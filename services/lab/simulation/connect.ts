import { type EndOptions, lowerEnd, upperEnd } from "@faultline/shared/edge/connect.ts";
import type { EdgeDefinition } from "@faultline/shared/edge/definitions.ts";
import type { Edge } from "@faultline/shared/edge/edge.ts";
import { inMemoryPair } from "@faultline/shared/edge/in-memory-transport.ts";
import type { Scheduler } from "./scheduler.ts";

/** What one end of an edge is joined to. */
export type EdgeEnd<In> = Omit<EndOptions<In>, "hello" | "credits"> & { name: string };

/** Nanoseconds that a message travels: at least, and the spread that the seed draws from. */
const LATENCY = { minimum: 1000, spread: 2000 };

/** Joins two cores by an edge in memory: the edge state machine of the processes, its messages delivered by the scheduler. */
export function connect<Upper extends { kind: string }, Lower extends { kind: string }>(
  scheduler: Scheduler,
  definition: EdgeDefinition<Upper, Lower>,
  machine: { digest: string; abi: string; credits: number },
  upper: EdgeEnd<Lower>,
  lower: EdgeEnd<Upper>,
): { upper: Edge<Upper, Lower>; lower: Edge<Lower, Upper> } {
  const channel = () => scheduler.channel(LATENCY.minimum, LATENCY.spread);
  const [up, down] = inMemoryPair<Upper, Lower>(channel(), channel());
  const hello = (name: string) => ({
    protocol: definition.protocol,
    name,
    machineDigest: machine.digest,
    abi: machine.abi,
    memory: { backing: "heap", path: "", bytes: 0 },
  });
  return {
    lower: lowerEnd(definition, down, { ...lower, credits: machine.credits, hello: hello(lower.name) }),
    upper: upperEnd(definition, up, { ...upper, credits: machine.credits, hello: hello(upper.name) }),
  };
}
