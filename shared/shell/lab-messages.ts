import type { RuleSource } from "../edge/load-rules.ts";
import type { EdgeRule } from "../edge/rules.ts";
import type { Rule, Rule__Output } from "../gen/types/lab/v1/Rule.ts";
import type { Workload as WireWorkload, Workload__Output } from "../gen/types/lab/v1/Workload.ts";
import type { Workload } from "../linux/workload.ts";

/** Bytes of one piece of a file or of an output on a lab stream. */
export const PIECE = 2 ** 20;

export function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at === 0 || at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE);
}

/** Joins pieces; a single one is not copied. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return new Uint8Array(parts[0].buffer, parts[0].byteOffset, parts[0].length);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A compiled condition cannot travel: only its text does. */
export function ruleToWire(rule: EdgeRule): Rule {
  const { id, edge, direction, what, nth, every, times, after, conditionText, do: action, ns } = rule;
  if (rule.condition && !conditionText) throw new Error(`rule ${id} has a condition without its text`);
  return { id, edge, direction, what, nth, every, times, after, condition: conditionText, action, ns };
}

/** 0 and empty are "not set" on the wire. */
export function ruleFromWire(wire: Rule__Output): RuleSource {
  const { id, direction, what, action } = wire;
  return {
    id,
    direction,
    what,
    do: action as RuleSource["do"],
    edge: wire.edge || undefined,
    nth: wire.nth || undefined,
    every: wire.every || undefined,
    times: wire.times || undefined,
    after: wire.after || undefined,
    conditionText: wire.condition || undefined,
    ns: action === "delay" ? wire.ns : undefined,
  };
}

export function workloadToWire(workload: Workload): WireWorkload {
  const { endpoint, ...rest } = workload;
  return { ...rest, hasEndpoint: endpoint !== undefined, endpoint };
}

export function workloadFromWire({ operation, file, pagesPerGroup, jobTimeoutNs, hasEndpoint, endpoint }: Workload__Output): Workload {
  return { operation: operation as Workload["operation"], file, pagesPerGroup, jobTimeoutNs, ...(hasEndpoint ? { endpoint } : {}) };
}
