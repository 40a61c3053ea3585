import { statusValue } from "../edge/answers.ts";
import { byteFields } from "../edge/decode/layouts.ts";
import type { EdgeDefinition, MessageShape } from "../edge/definitions.ts";
import type { RecordKind } from "../edge/records.ts";
import { errnoValue } from "../linux-uapi/errno.ts";
import { traceEvents } from "../trace/trace-events.ts";
import type { Do, EdgeDo } from "./fault-rule.ts";

/** What is wrong with a rule: the field and why. */
export interface Misfit {
  field: string;
  reason: string;
}
export const misfit = (field: string, reason: string): Misfit => ({ field, reason });
/** What a rule must know of an edge. */
export type EdgeFacts = Pick<EdgeDefinition<never, never>, "edge" | "upper" | "lower" | "replies" | "messages" | "answerable">;
/** What an edge rule applies to. */
export interface EdgeTarget {
  definition: EdgeFacts;
  /** The upper end sends it. */
  upward: boolean;
  what: string;
  record: RecordKind | null;
}

/** Which members each action has; `?` after a name: it may be missing. */
const MEMBERS: Record<Do["action"], readonly string[]> = {
  drop: [],
  delay: ["ns"],
  duplicate: [],
  reorder: [],
  corrupt: ["field", "value?", "bit?"],
  answer: ["errno?", "status?", "code?"],
  hold: ["until?"],
  replay: ["back?"],
  "lose-interrupt": [],
  full: ["ns?", "until?"],
  count: [],
  stuck: ["until?"],
  abort: [],
  flip: ["address?", "bit"],
  keep: [],
  evict: [],
  "never-complete": [],
  rogue: ["address", "count?", "write?"],
  "link-down": ["until?"],
  release: ["rule"],
};
export const EDGE_ACTIONS = [
  "drop",
  "delay",
  "duplicate",
  "reorder",
  "corrupt",
  "answer",
  "hold",
  "replay",
  "lose-interrupt",
  "full",
  "release",
] as const satisfies EdgeDo["action"][];
export const POINT_ACTIONS = ["hold", "delay", "count", "release"] as const;

/** The members of an action: none is missing or unknown, numbers and kinds of events are such. */
export function checkMembers(what: Do, allowed: readonly string[]): Misfit | null {
  if (!allowed.includes(what.action)) return misfit("do.action", `${what.action} is none of ${allowed.join(", ")}`);
  const members = MEMBERS[what.action];
  const values = what as unknown as Record<string, unknown>;
  for (const name of Object.keys(values)) {
    if (name !== "action" && !members.includes(name) && !members.includes(`${name}?`)) return misfit(`do.${name}`, `is nothing that ${what.action} has`);
  }
  for (const member of members) {
    const name = member.replace("?", "");
    const value = values[name];
    if (value === undefined) {
      if (member === name) return misfit(`do.${name}`, name === "ns" ? "must say how long" : "is missing");
      continue;
    }
    const reason = wrongMember(name, value);
    if (reason) return misfit(`do.${name}`, reason);
  }
  return null;
}

function wrongMember(name: string, value: unknown): string | null {
  const isCount = (least: number) => Number.isInteger(value) && (value as number) >= least && (value as number) < 2 ** 32;
  switch (name) {
    case "ns":
      return typeof value === "number" && Number.isFinite(value) && value >= 0 ? null : `must be nanoseconds, got ${value}`;
    case "back":
    case "count":
      return isCount(1) ? null : `must be an integer from 1 to 4294967295, got ${value}`;
    case "bit":
      return isCount(0) ? null : `must be a bit number, got ${value}`;
    case "address":
      return isNumber(value) ? null : `must be an address, got ${value}`;
    case "rule":
      return typeof value === "string" && value !== "" ? null : `must be the id of a rule, got ${value}`;
    case "until":
      return Object.hasOwn(traceEvents, String(value)) ? null : `${value} is no kind of event`;
    default:
      return null;
  }
}

const isNumber = (value: unknown): boolean =>
  typeof value === "number" ? Number.isSafeInteger(value) && value >= 0 : typeof value === "string" && /^(0x[0-9a-f]+|\d+)$/i.test(value);

/** Whether the action can be done to what the rule is about. */
export function checkEdgeDo(target: EdgeTarget, what: EdgeDo): Misfit | null {
  if (what.action === "corrupt") return checkCorrupt(target, what);
  if (what.action === "answer") return checkAnswer(target, what);
  if (what.action === "lose-interrupt" && !target.record && !["interrupt", "signal", "used"].includes(target.what))
    return misfit("do.action", `lose-interrupt: ${target.what} is no interrupt, signal or used element`);
  if (what.action === "lose-interrupt" && target.upward) return misfit("do.action", `lose-interrupt: ${target.definition.upper} raises none`);
  if (what.action === "full" && what.ns !== undefined && what.until !== undefined) return misfit("do.until", "cannot stand beside ns");
  if (what.action === "full" && !target.record && Object.values(target.definition.replies).includes(target.what))
    return misfit("do.action", `full: ${target.what} is a reply and needs no credit`);
  return null;
}

function checkCorrupt({ definition, what, record }: EdgeTarget, change: Extract<EdgeDo, { action: "corrupt" }>): Misfit | null {
  const { field } = change;
  if ("value" in change === "bit" in change) return misfit("do.value", "or do.bit, one of the two");
  let width: number;
  if (record) {
    const fields = byteFields(definition.edge, record);
    if (!fields.has(field)) return misfit("do.field", `${field} is no field of ${record}: ${[...fields.keys()].join(", ")}`);
    width = fields.get(field)!;
  } else {
    const shape = definition.messages[what];
    if (!Object.hasOwn(shape, field)) return misfit("do.field", `${field} is no field of ${what}: ${Object.keys(shape).join(", ")}`);
    const reason =
      "value" in change
        ? wrongValue(shape[field], change.value)
        : shape[field] === "string" || typeof shape[field] !== "string"
          ? "is for numbers, bytes and booleans"
          : null;
    if (reason) return misfit("value" in change ? "do.value" : "do.bit", reason);
    width = shape[field] === "bytes" ? Number.POSITIVE_INFINITY : 53;
  }
  if ("bit" in change) return change.bit < width ? null : misfit("do.bit", `${field} has ${width} bits`);
  if (!record) return null;
  return isNumber(change.value) && BigInt(change.value) >> BigInt(width) === 0n ? null : misfit("do.value", `must be a number of ${width} bits, got ${change.value}`);
}

function wrongValue(type: MessageShape[string], value: unknown): string | null {
  if (typeof type !== "string") return type.includes(value as string) ? null : `must be one of ${type.join(", ")}`;
  if (type === "string") return typeof value === "string" ? null : "must be a string";
  if (type === "bool") return typeof value === "boolean" ? null : "must be true or false";
  if (type === "int") return Number.isSafeInteger(value) ? null : `must be an integer, got ${value}`;
  return isNumber(value) ? null : `must be a number, got ${value}`;
}

function checkAnswer({ definition, upward, what, record }: EdgeTarget, how: Extract<EdgeDo, { action: "answer" }>): Misfit | null {
  if (!upward) return misfit("do.action", `answer: nothing that ${definition.lower} sends is answered`);
  const given = (["errno", "status", "code"] as const).filter((word) => word in how);
  if (given.length !== 1) return misfit("do.action", "answer needs one of errno, status, code");
  const [word] = given;
  const fits = record ? Object.values(definition.answerable).includes(word) && !(definition.edge === "virtio" && word === "code") : definition.answerable[what] === word;
  if (!fits) return misfit(`do.${word}`, `answers no ${what} of ${definition.upper}`);
  if ("errno" in how && errnoValue(how.errno) === null) return misfit("do.errno", `${how.errno} is no errno`);
  if ("status" in how && statusValue(how.status) === null) return misfit("do.status", `${how.status} is no VIRTIO_IOMMU_S_*`);
  return "code" in how && how.code !== "UR" && how.code !== "CA" ? misfit("do.code", `must be UR or CA, got ${how.code}`) : null;
}
