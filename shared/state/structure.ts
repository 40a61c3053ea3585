import type { Schema } from "./schema.ts";

/** A value that was asked for and is not there, or a parameter that cannot be one. */
export type StateRefusal = { refused: "not-found" | "bad-parameter"; field: string; reason: string };
export const isRefusal = (answer: unknown): answer is StateRefusal => typeof answer === "object" && answer !== null && "refused" in answer;
export const notFound = (field: string, reason: string): StateRefusal => ({ refused: "not-found", field, reason });

/** What a parameter may be: a number (decimal or 0x..), or a word; with a default it may be missing. */
export type Parameter = { is: "number" | "word"; sentence: string; fallback?: string };
export type Parameters = { number(name: string): bigint; word(name: string): string };

/** One structure of a service's live state under the field's name: an admin route, a `lab/v1 State` path, a part of `faultline info`. */
export interface Structure {
  /** "/stream-table/{sid}": members in braces are parameters; the other parameters come in the query. */
  path: string;
  sentence: string;
  parameters: Record<string, Parameter>;
  /** Of the answer. */
  schema: Schema;
  read(parameters: Parameters): unknown;
}

const members = (path: string): string[] => path.split("/").filter(Boolean);
const parameterOf = (member: string): string | null => /^\{(\w+)\}$/.exec(member)?.[1] ?? null;

/** The parameters that stand in the path. */
export const pathParameters = ({ path }: Structure): string[] => members(path).flatMap((member) => parameterOf(member) ?? []);

/** Reads the structure that `path` ("/stream-table/0x8?..") names. Never throws for what a caller asks: a refusal names the field. */
export function readState(structures: readonly Structure[], path: string): unknown {
  const [route, query = ""] = path.split("?");
  const asked = members(route);
  for (const structure of structures) {
    const own = members(structure.path);
    if (own.length !== asked.length) continue;
    if (!own.every((member, i) => parameterOf(member) !== null || member === asked[i])) continue;
    const values = new URLSearchParams(query);
    for (const [i, member] of own.entries()) {
      const name = parameterOf(member);
      if (name) values.set(name, decodeURIComponent(asked[i]));
    }
    return readStructure(structure, values);
  }
  return notFound("path", `no structure ${route}: ${structures.map((structure) => structure.path).join(", ")}`);
}

/** Reads one structure with its parameters as text. */
export function readStructure(structure: Structure, values: { get(name: string): string | null }): unknown {
  const numbers = new Map<string, bigint>();
  const words = new Map<string, string>();
  for (const [name, parameter] of Object.entries(structure.parameters)) {
    const value = values.get(name) ?? parameter.fallback;
    if (value === undefined) return { refused: "bad-parameter", field: name, reason: `${name} is missing: ${parameter.sentence}` };
    if (parameter.is === "word") words.set(name, value);
    else if (/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(value) && BigInt(value) < 2n ** 64n) numbers.set(name, BigInt(value));
    else return { refused: "bad-parameter", field: name, reason: `${name} ${value} is no number below 2^64 (decimal or 0x..)` };
  }
  return structure.read({ number: (name) => numbers.get(name)!, word: (name) => words.get(name)! });
}
