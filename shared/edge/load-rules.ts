import { Environment } from "@marcbachmann/cel-js";
import { type MessageShape, smmuEdge, vfioEdge, virtioEdge } from "./definitions.ts";
import { recordFields } from "./records.ts";
import type { EdgeRule } from "./rules.ts";

/** A rule as data: its condition as CEL text over `m`. */
export type RuleSource = Omit<EdgeRule, "condition">;

/** A rule that cannot be armed, by its id and the field that is wrong. */
export class RuleError extends Error {
  readonly rule: string;
  readonly field: string;
  constructor(rule: string, field: string, reason: string) {
    super(`rule ${rule}: ${field} ${reason}`);
    this.rule = rule;
    this.field = field;
  }
}

const edges = [smmuEdge, vfioEdge, virtioEdge];
const actions = ["drop", "duplicate", "delay", "hold"];

/** Checks rules and compiles their conditions. Throws `RuleError`; then none of them counts. */
export function loadRules(sources: readonly RuleSource[]): EdgeRule[] {
  return sources.map((source) => {
    const { id, direction, what, conditionText } = source;
    const known = edges.filter(
      ({ edge, upper, lower }) => (direction === `${upper}->${lower}` || direction === `${lower}->${upper}`) && (!source.edge || source.edge === edge),
    );
    if (!known.length) throw new RuleError(id, "direction", `${direction} is on no edge${source.edge ? ` ${source.edge}` : ""}`);
    if (!actions.includes(source.do)) throw new RuleError(id, "do", `${source.do} is none of ${actions.join(", ")}`);
    for (const field of ["nth", "every", "times"] as const) {
      const value = source[field];
      if (value !== undefined && (!Number.isInteger(value) || value < 1)) throw new RuleError(id, field, `must be a positive integer, got ${value}`);
    }
    if (source.do === "delay" && !(source.ns !== undefined && source.ns >= 0)) throw new RuleError(id, "ns", "must say how long to delay");
    const fields = Object.hasOwn(recordFields, what) ? recordFields[what as keyof typeof recordFields] : messageFields(known[0].messages[what]);
    if (!fields) throw new RuleError(id, "what", `${what} is no record and no message of ${direction}`);
    return conditionText ? { ...source, condition: compile(id, conditionText, fields) } : { ...source };
  });
}

type CelType = "int" | "string" | "bool";

function messageFields(shape: MessageShape | undefined): Record<string, CelType> | null {
  if (!shape) return null;
  const typeOf = (type: MessageShape[string]): CelType | null =>
    typeof type !== "string" || type === "string" ? "string" : type === "bool" ? "bool" : type === "bytes" ? null : "int";
  return Object.fromEntries(Object.entries(shape).flatMap(([field, type]) => (typeOf(type) ? [[field, typeOf(type) as CelType]] : [])));
}

/** CEL over the declared fields; `bit(x, n)` is added. A field that the record does not have (no PASID) makes the condition false. */
function compile(id: string, text: string, fields: Readonly<Record<string, CelType>>): (m: Record<string, unknown>) => boolean {
  const environment = new Environment()
    .registerVariable({ name: "m", schema: { ...fields } })
    .registerFunction("bit(int, int): bool", (x: bigint, n: bigint) => ((x >> n) & 1n) === 1n);
  const condition = parse(environment, id, text);
  return (m) => {
    const values: Record<string, unknown> = {};
    for (const [field, type] of Object.entries(fields)) {
      const value = m[field];
      if (value !== undefined) values[field] = type === "int" ? BigInt(value as string | number) : value;
    }
    try {
      return condition({ m: values }) === true;
    } catch {
      return false;
    }
  };
}

function parse(environment: Environment, id: string, text: string): (context: { m: Record<string, unknown> }) => unknown {
  try {
    const condition = environment.parse(text);
    const { valid, type, error } = condition.check();
    if (!valid) throw error ?? new Error("does not check");
    if (type !== "bool") throw new Error(`is ${type}, not bool`);
    return condition;
  } catch (error) {
    throw new RuleError(id, "condition", `${text}: ${(error as Error).message.split("\n")[0]}`);
  }
}
