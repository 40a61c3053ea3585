import { Environment } from "@marcbachmann/cel-js";
import type { Fields } from "./fault-rule.ts";

/**
 * Compiles a CEL condition over `m` with the declared fields; `bit(x, n)` is added. Throws an `Error` whose message says what is wrong with the text: it does not parse,
 * names a field that is not there, or is no bool. A field that a match does not have (no PASID) makes the condition false there.
 */
export function compileCondition(text: string, fields: Fields): (m: Readonly<Record<string, unknown>>) => boolean {
  const environment = new Environment()
    .registerVariable({ name: "m", schema: { ...fields } })
    .registerFunction("bit(int, int): bool", (x: bigint, n: bigint) => ((x >> n) & 1n) === 1n);
  const condition = checked(environment, text);
  const types = Object.entries(fields);
  return (m) => {
    const values: Record<string, unknown> = {};
    for (const [field, type] of types) {
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

function checked(environment: Environment, text: string): (context: { m: Record<string, unknown> }) => unknown {
  try {
    const condition = environment.parse(text);
    const { valid, type, error } = condition.check();
    if (!valid) throw error ?? new Error("does not check");
    if (type !== "bool") throw new Error(`is ${type}, not bool`);
    return condition;
  } catch (error) {
    throw new Error(`${text}: ${(error as Error).message.split("\n")[0]}`);
  }
}
