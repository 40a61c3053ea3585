import type { Tracer } from "../trace/tracer.ts";
import { type EdgeDefinition, validator } from "./definitions.ts";
import { Edge, type EdgeOptions } from "./edge.ts";
import type { EdgeRules } from "./rules.ts";
import type { Transport } from "./transport.ts";

type Body = { kind: string };
/** What an end adds to what its edge's definition says. */
export type EndOptions<In> = Pick<
  EdgeOptions<never, In>,
  "hello" | "credits" | "applyWrite" | "applyOwnWrite" | "deliver" | "accept" | "onReady" | "onBreak" | "onRejected"
> & {
  lamport: { value: number };
  tracer: Tracer;
  rules?: EdgeRules;
};

/** The upper end of an edge: the one that dials. */
export function upperEnd<Upper extends Body, Lower extends Body>(
  definition: EdgeDefinition<Upper, Lower>,
  transport: Transport<Upper, Lower>,
  options: EndOptions<Lower>,
): Edge<Upper, Lower> {
  const own = validator(definition, "upper");
  return new Edge<Upper, Lower>(transport, {
    ...options,
    edge: definition.edge,
    direction: `${definition.upper}->${definition.lower}`,
    answers: () => false,
    validate: validator(definition, "lower"),
    expects: (request) => definition.replies[request.kind],
    lost: (request) => definition.lost(request),
    answer: (request, how) => definition.answer(request, how),
    fits: (body) => own(body) === null,
    decode: (body, writes) => definition.decode(body, writes, options.hello.abi),
    lanes: (body, writes) => definition.lanes(body, writes),
  });
}

/** The lower end of an edge: the one that serves. */
export function lowerEnd<Upper extends Body, Lower extends Body>(
  definition: EdgeDefinition<Upper, Lower>,
  transport: Transport<Lower, Upper>,
  options: EndOptions<Upper>,
): Edge<Lower, Upper> {
  const own = validator(definition, "lower");
  return new Edge<Lower, Upper>(transport, {
    ...options,
    edge: definition.edge,
    direction: `${definition.lower}->${definition.upper}`,
    answers: (body) => definition.answered(body),
    validate: validator(definition, "upper"),
    withoutInterrupt: (body) => definition.withoutInterrupt(body),
    fits: (body) => own(body) === null,
    decode: (body, writes) => definition.decode(body, writes, options.hello.abi),
    lanes: (body, writes) => definition.lanes(body, writes),
  });
}
