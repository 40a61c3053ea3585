import { conditionFields } from "../edge/decode/layouts.ts";
import { type MessageShape, smmuEdge, vfioEdge, virtioEdge } from "../edge/definitions.ts";
import { type RecordKind, recordsOf } from "../edge/records.ts";
import { traceEvents } from "../trace/trace-events.ts";
import { checkEdgeDo, checkMembers, EDGE_ACTIONS, type EdgeFacts, type EdgeTarget, type Misfit, misfit, POINT_ACTIONS } from "./check-do.ts";
import { type ConditionError, compileCondition } from "./condition.ts";
import {
  type EdgeDo,
  type EdgeWhere,
  type FaultRule,
  type Fields,
  HARDWARE,
  type HardwareDo,
  type HardwareWhere,
  isEdge,
  isHardware,
  isPoint,
  type LoadedRule,
  type Point,
  type PointWhere,
  type When,
} from "./fault-rule.ts";
import { hardwareFields, hardwarePiece, isByItself } from "./hardware-fields.ts";
import { RuleError } from "./rule-error.ts";

/** The points that rules may name. `service`: only this one's are here; those of others are taken as they are and never reached. */
export interface PointTable {
  points: readonly Point[];
  service?: string;
}

const edges: readonly EdgeFacts[] = [smmuEdge, vfioEdge, virtioEdge];
const COUNTS = ["nth", "every", "times", "interval"] as const;
const AMOUNTS = ["at", "space", "intervalNs"] as const;
/** What a service is told of a count has 32 bits. */
const MOST = 2 ** 32 - 1;
const WHEN: ReadonlySet<string> = new Set([...COUNTS, ...AMOUNTS, "after", "probability", "condition", "afterEvent"]);

/** Actions that keep something until it is let go. */
const KEEPING: ReadonlySet<string> = new Set(["hold", "delay", "reorder", "full", "stuck", "never-complete", "link-down"]);

/** Checks rules and compiles their conditions. Throws `RuleError`, naming rule and field; then none of them counts. */
export function loadFaultRules(rules: readonly FaultRule[], table: PointTable = { points: [] }): LoadedRule[] {
  const seen = new Set<string>();
  const keeping = new Map(rules.map((rule) => [rule.id, KEEPING.has(rule.do?.action)]));
  return rules.map((rule, index) => {
    const { id } = rule;
    if (typeof id !== "string" || id === "") throw new RuleError(`#${index}`, "id", "is missing");
    if (seen.has(id)) throw new RuleError(id, "id", "stands twice");
    seen.add(id);
    for (const name of Object.keys(rule)) if (!["id", "where", "when", "do", "condition"].includes(name)) throw new RuleError(id, name, "is no part of a rule");
    const found = target(rule, table);
    const wrong = "fields" in found ? checkWhen(rule.when ?? {}) : found;
    if (wrong) throw new RuleError(id, wrong.field, wrong.reason);
    if (rule.do.action === "release" && !keeping.get(rule.do.rule))
      throw new RuleError(
        id,
        "do.rule",
        keeping.has(rule.do.rule) ? `${rule.do.rule} keeps nothing: ${[...KEEPING].join(", ")} do` : `${rule.do.rule} is no rule of these`,
      );
    const text = rule.when?.condition;
    return { ...rule, condition: text === undefined ? null : compiled(id, text, (found as { fields: Fields | null }).fields) };
  });
}

/** `fields` null: another service's point. */
function compiled(id: string, text: string, fields: Fields | null): LoadedRule["condition"] {
  if (!fields) return () => false;
  try {
    return compileCondition(text, fields);
  } catch (error) {
    throw new RuleError(id, "when.condition", (error as Error).message, (error as ConditionError).at);
  }
}

function target(rule: FaultRule, table: PointTable): { fields: Fields | null } | Misfit {
  const { where, do: what } = rule;
  if (typeof where !== "object" || where === null) return misfit("where", "is missing");
  if (typeof what !== "object" || what === null || typeof what.action !== "string") return misfit("do.action", "is missing");
  const kinds = [isEdge(where), isPoint(where), isHardware(where)].filter(Boolean).length;
  if (kinds !== 1) return misfit("where", "names a direction, a point or a piece of hardware, one of the three");
  if (isPoint(where)) return pointTarget(where, rule, table);
  if (isHardware(where)) return hardwareTarget(where, rule);
  return isEdge(where) ? edgeTarget(where, rule) : misfit("where", "is missing");
}

function edgeTarget(where: EdgeWhere, rule: FaultRule): { fields: Fields } | Misfit {
  const { edge, direction, what } = where;
  const definition = edges.find(
    ({ edge: name, upper, lower }) => (direction === `${upper}->${lower}` || direction === `${lower}->${upper}`) && (edge === undefined || edge === name),
  );
  if (!definition) return misfit("where.direction", `${direction} is on no edge${edge ? ` ${edge}` : ""}`);
  const upward = direction === `${definition.upper}->${definition.lower}`;
  const record = recordsOf[definition.edge][upward ? "upper" : "lower"].find((name) => name === what) ?? null;
  const isMessage = Object.hasOwn(definition.messages, what) && Object.hasOwn(definition.replies, what) === upward;
  if (!record && !isMessage) return misfit("where.what", `${what} is no record and no message of ${direction}`);
  const found: EdgeTarget = { definition, upward, what, record };
  const wrong = checkMembers(rule.do, EDGE_ACTIONS) ?? checkEdgeDo(found, rule.do as EdgeDo);
  return wrong ?? { fields: record ? conditionFields(definition.edge, record as RecordKind) : messageFields(definition.messages[what]) };
}

/** Bytes are the number that they are, little-endian, as long as they are at most eight: a register, a head. */
function messageFields(shape: MessageShape): Fields {
  const typeOf = (type: MessageShape[string]) => (typeof type !== "string" || type === "string" ? "string" : type === "bool" ? "bool" : "int");
  return Object.fromEntries(Object.entries(shape).map(([field, type]) => [field, typeOf(type)]));
}

function pointTarget({ point }: PointWhere, rule: FaultRule, { points, service }: PointTable): { fields: Fields | null } | Misfit {
  const wrong = checkMembers(rule.do, POINT_ACTIONS);
  if (wrong) return wrong;
  if (point.endsWith("*")) return rule.do.action === "count" ? { fields: {} } : misfit("where.point", `${point}: only count takes many points`);
  const found = points.find(({ id }) => id === point);
  if (!found) return service && !point.startsWith(`${service}.`) ? { fields: null } : misfit("where.point", `${point} is no point`);
  return { fields: found.fields };
}

function hardwareTarget({ hardware }: HardwareWhere, rule: FaultRule): { fields: Fields } | Misfit {
  const found = hardwarePiece(hardware);
  if (!found) return misfit("where.hardware", `${hardware} is none of ${Object.keys(HARDWARE).join(", ")}00:01.0`);
  const wrong = checkMembers(rule.do, HARDWARE[found.piece]);
  if (wrong) return wrong;
  const what = rule.do as HardwareDo;
  if (what.action === "flip" && found.piece === "dram") {
    if (what.address === undefined) return misfit("do.address", "is missing");
    if (what.bit > 7) return misfit("do.bit", `must be 0 to 7, got ${what.bit}`);
  } else if (what.action === "flip") {
    if (what.address !== undefined) return misfit("do.address", "is that of the fetch: when.condition chooses it");
    if (what.bit >= 512) return misfit("do.bit", `must be a bit of a descriptor, 0 to 511, got ${what.bit}`);
  }
  if (isByItself(found.piece, what)) {
    const { when = {} } = rule;
    const other = Object.keys(when).find((word) => word !== "at" && word !== "afterEvent" && !(word === "nth" && when.afterEvent !== undefined));
    if (other) return misfit(`when.${other}`, `${what.action} happens by itself: at says when, or after with the nth event of a kind`);
    if (when.at !== undefined && when.afterEvent !== undefined) return misfit("when.at", "cannot stand beside after");
  }
  return { fields: hardwareFields[found.piece] };
}

function checkWhen(when: When): Misfit | null {
  for (const word of Object.keys(when)) if (!WHEN.has(word)) return misfit(`when.${word}`, `is none of ${[...WHEN].join(", ")}`);
  for (const word of COUNTS) {
    const value = when[word];
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= MOST))
      return misfit(`when.${word}`, `must be an integer from 1 to ${MOST}, got ${value}`);
  }
  const { after } = when;
  if (after !== undefined && !(Number.isInteger(after) && after >= 0 && after <= MOST)) return misfit("when.after", `must be an integer from 0 to ${MOST}, got ${after}`);
  for (const word of AMOUNTS) {
    const value = when[word];
    if (value !== undefined && !(typeof value === "number" && Number.isFinite(value) && value >= 0)) return misfit(`when.${word}`, `must be 0 or more, got ${value}`);
  }
  const { probability, afterEvent } = when;
  if (probability !== undefined && !(Number.isInteger(probability) && probability >= 0 && probability <= 100))
    return misfit("when.probability", `is in percent, an integer from 0 to 100 as in the kernel's fault injection; got ${probability}`);
  if (afterEvent !== undefined && !Object.hasOwn(traceEvents, afterEvent)) return misfit("when.afterEvent", `${afterEvent} is no kind of event`);
  return null;
}
