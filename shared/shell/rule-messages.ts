import { type EdgeRule, faultOf } from "../edge/rules.ts";
import type { Rule, Rule__Output } from "../gen/types/lab/v1/Rule.ts";
import { type Do, type FaultRule, isEdge, isHardware, isPoint, type When, type Where } from "../lab/fault-rule.ts";

type Members = Record<string, number | string | boolean | undefined>;

/** A rule for lab/v1. A compiled condition cannot travel: only its text does. Throws when it has no text. */
export function ruleToWire(rule: FaultRule | EdgeRule): Rule {
  if ("direction" in rule && rule.condition && !rule.conditionText) throw new Error(`rule ${rule.id} has a condition without its text`);
  const { id, where, when = {}, do: what } = faultOf<FaultRule>(rule);
  const { action, value, errno, status, code, address, rule: releases, ...rest } = what as { action: string } & Members;
  const text = (given: number | string | boolean | undefined) => (given === undefined ? undefined : String(given));
  return {
    id,
    ...(isEdge(where) ? { edge: where.edge, direction: where.direction, what: where.what } : {}),
    ...(isPoint(where) ? { point: where.point } : {}),
    ...(isHardware(where) ? { hardware: where.hardware } : {}),
    ...when,
    action,
    ...(rest as Rule),
    value: value === undefined ? undefined : JSON.stringify(value),
    errno: text(errno),
    status: text(status),
    code: text(code),
    address: text(address),
    releases: text(releases),
  };
}

/** The rule of a message; 0 and empty are "not set". What cannot be is for the loader to refuse. */
export function ruleFromWire(wire: Rule__Output): FaultRule {
  const { id, edge, direction, what, point, hardware, probability, action, ns, bit } = wire;
  const where: Where = point ? { point } : hardware ? { hardware } : { ...(edge ? { edge } : {}), direction, what };
  const { condition, at, nth, after, afterEvent, every, times, space, interval, intervalNs } = wire;
  const when: When = { ...set({ condition, at, nth, after, afterEvent, every, times, space, interval, intervalNs }), ...(wire._probability ? { probability } : {}) };
  const { until, field, back, address, count, write, code, releases: rule } = wire;
  const members = {
    ...set({ until, field, back, address, count, write, code, rule, errno: numberOrName(wire.errno), status: numberOrName(wire.status) }),
    ...(wire._ns ? { ns } : {}),
    ...(wire._bit ? { bit } : {}),
    ...(wire.value ? { value: parsed(wire.value) } : {}),
    ...(wire.status === "0" ? { status: 0 } : {}),
  };
  return { id, where, ...(Object.keys(when).length ? { when } : {}), do: { action, ...members } as Do };
}

const set = <T extends Members>(members: T): Partial<T> => Object.fromEntries(Object.entries(members).filter(([, value]) => value)) as Partial<T>;
const numberOrName = (text: string): number | string => (/^\d+$/.test(text) ? Number(text) : text);

/** Text that is no JSON is text. */
function parsed(json: string): number | string | boolean {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
