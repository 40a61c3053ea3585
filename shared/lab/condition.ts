import { Environment } from "@marcbachmann/cel-js";
import type { Condition, Fields } from "./fault-rule.ts";

/** What is wrong with the text of a condition, and where: `at` counts its characters from 0. */
export class ConditionError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/**
 * Compiles a CEL condition over `m` with the declared fields; `bit(x, n)` is added. Throws a `ConditionError` that says what is wrong with the text: it does not parse,
 * names a field that is not there, or is no bool. A field that a match does not have (no PASID, no bytes that are a number) makes the condition false there.
 */
export function compileCondition(text: string, fields: Fields): Condition {
  const environment = new Environment()
    .registerVariable({ name: "m", schema: { ...fields } })
    .registerFunction("bit(int, int): bool", (x: bigint, n: bigint) => ((x >> n) & 1n) === 1n);
  const condition = checked(environment, text);
  const types = Object.entries(fields).filter(([field]) => names(text, field));
  const holds = (m: Readonly<Record<string, unknown>>): boolean => {
    const values: Record<string, unknown> = {};
    for (const [field, type] of types) {
      const value = m[field];
      const given = type === "int" && value !== undefined ? intOf(value) : value;
      if (given !== undefined) values[field] = given;
    }
    try {
      return condition({ m: values }) === true;
    } catch {
      return false;
    }
  };
  return Object.assign(holds, { reads: types.map(([field]) => field) });
}

/** Whether the text may read the field: it names it, or uses `m` in another way than by a field's name. */
const names = (text: string, field: string): boolean => new RegExp(`\\bm\\s*\\.\\s*${field}\\b|\\bm\\b(?!\\s*\\.)`).test(text);

const MOST_BYTES = 8;
/** Bytes are little-endian; more than a doubleword of them is no number. */
function intOf(value: unknown): bigint | undefined {
  if (!(value instanceof Uint8Array)) return BigInt(value as string | number | bigint);
  return value.length <= MOST_BYTES ? value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n) : undefined;
}

function checked(environment: Environment, text: string): (context: { m: Record<string, unknown> }) => unknown {
  try {
    const condition = environment.parse(text);
    const { valid, type, error } = condition.check();
    if (!valid) throw error ?? new Error("does not check");
    if (type !== "bool") throw new Error(`is ${type}, not bool`);
    return condition;
  } catch (error) {
    // cel-js: a ParseError has the range of characters, a TypeError the node.
    const { message, range, node } = error as Error & { range?: { start: number }; node?: { pos: number } };
    throw new ConditionError(`${text}: ${message.split("\n")[0]}`, range?.start ?? node?.pos ?? 0);
  }
}
