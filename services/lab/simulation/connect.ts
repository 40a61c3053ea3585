import { Edge } from "@faultline/shared/edge/edge.ts";
import { type EdgeDefinition, validate } from "@faultline/shared/edge/definitions.ts";
import type { Hello } from "@faultline/shared/edge/envelope.ts";
import { inMemoryPair } from "@faultline/shared/edge/in-memory-transport.ts";
import type { EdgeRules } from "@faultline/shared/edge/rules.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Scheduler } from "./scheduler.ts";

/** What one end of an edge is joined to. */
export interface EdgeEnd<In> {
  name: string;
  tracer: Tracer;
  lamport: { value: number };
  rules: EdgeRules;
  applyWrite(address: number, data: Uint8Array): void;
  applyOwnWrite?(address: number, data: Uint8Array): void;
  deliver(seq: number, body: In): void;
  onBreak(reason: string): void;
}

/** Nanoseconds that a message travels: at least, and the spread that the seed draws from. */
const LATENCY = { minimum: 1000, spread: 2000 };

/** Joins two cores by an edge in memory: the edge state machine of the processes, its messages delivered by the scheduler. */
export function connect<Upper extends { kind: string }, Lower extends { kind: string }>(
  scheduler: Scheduler, definition: EdgeDefinition<Upper, Lower>, machine: { digest: string; abi: string; credits: number }, upper: EdgeEnd<Lower>, lower: EdgeEnd<Upper>,
): { upper: Edge<Upper, Lower>; lower: Edge<Lower, Upper> } {
  const channel = () => scheduler.channel(LATENCY.minimum, LATENCY.spread);
  const [up, down] = inMemoryPair<Upper, Lower>(channel(), channel());
  const common = { edge: definition.edge, credits: machine.credits };
  const hello = (name: string): Hello => ({ protocol: definition.protocol, name, machineDigest: machine.digest, abi: machine.abi, memory: { backing: "heap", path: "", bytes: 0 } });
  return {
    lower: new Edge<Lower, Upper>(down, {
      ...common, ...lower, direction: `${definition.lower}->${definition.upper}`, hello: hello(lower.name), answers: (body) => definition.answered(body),
      validate: (body) => validate(definition, body), decode: (body, writes) => definition.decode(body, writes),
    }),
    upper: new Edge<Upper, Lower>(up, {
      ...common, ...upper, direction: `${definition.upper}->${definition.lower}`, hello: hello(upper.name), answers: () => false,
      validate: (body) => validate(definition, body), decode: (body, writes) => definition.decode(body, writes),
    }),
  };
}
