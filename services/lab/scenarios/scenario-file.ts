import type { Program, Workload } from "@faultline/shared/linux/workload.ts";
import { Ajv, type ErrorObject } from "ajv";
import { inputError } from "../cli/errors.ts";
import schema from "./schema.json" with { type: "json" };
import { YamlSource } from "./yaml-source.ts";

/** How a workload ends. A scenario says which; the sweep, whose faults are all there are, leaves it open (`either`). */
export type Outcome = "succeeds" | "fails" | "either";

/** A run of the scenario with a defect, or without a protection, and the checker that names what goes wrong. */
export interface Caught {
  defects?: string[];
  mutants?: string[];
  by: string;
}

export interface Expectation {
  workload: Outcome;
  error?: string;
  after?: Outcome;
  caught?: Caught[];
  /** Why there is no such run. */
  uncaught?: string;
}

interface Slots {
  endpoints?: number;
  queues?: number;
  pagesPerGroup?: number;
  retryLimit?: number;
  jobTimeout?: string;
}
export type OperationEntry = Slots & { operation: Workload["operation"]; file: { bytes: number } };
export type ProgramEntry = Slots & Omit<Program, "munmap" | "unbind" | "exit" | "seed"> & Partial<Pick<Program, "munmap" | "unbind" | "exit" | "seed">>;

export interface FaultEntry {
  /** Absent: fault-0, fault-1, .. by its place. */
  id?: string;
  where: string;
  when?: { condition?: string; at?: string; after?: number | string; atLeast?: string } & Partial<
    Record<"nth" | "every" | "times" | "space" | "interval" | "probability", number>
  >;
  do: string | ({ action: string } & Record<string, unknown>);
  for?: string;
  until?: string;
  ways?: "both" | "from" | "to";
}

/** A scenario file as it is written. */
export interface ScenarioFile {
  id: string;
  title: string;
  source: string;
  seed?: number;
  machine?: object;
  abi?: "review" | "rfc-v1";
  workload: OperationEntry | ProgramEntry;
  defects?: string[];
  mutants?: string[];
  hypothesis: { before?: string; during: string; after?: string };
  faults: FaultEntry[];
  heal_at?: string;
  liveness_within?: string;
  sim_only?: string;
  expect: Expectation;
}

const validate = new Ajv({ allowUnionTypes: true, verbose: true }).compile<ScenarioFile>(schema);

export type FieldPath = readonly (string | number)[];
/** Says what is wrong with a field, as an input error with file, line, column and field. `at`: where in the field's text, from 0; "key": its name is wrong. */
export type Refuse = (field: FieldPath, reason: string, at?: number | "key") => Error;

/** The file, and how to refuse one of its fields. An input error names file, line, column and field of the first thing that a scenario may not say. */
export function parseScenarioFile(text: string, name: string): { file: ScenarioFile; refuse: Refuse } {
  const source = new YamlSource(text);
  const [error] = source.document.errors;
  if (error) throw inputError(`${name}:${source.place(error.pos[0])}: ${syntaxText(error)}`, "scenario");
  const refuse: Refuse = (path, reason, at) => inputError(`${name}:${source.placeOf(path, at)}: ${path.join(".") || "the file"} ${reason}`, path.join(".") || "scenario");
  const file = contentOf(source.document, refuse);
  if (validate(file)) return { file, refuse };
  throw refuse(...misfit(validate.errors!));
}

const syntaxText = ({ code, message }: YamlSource["document"]["errors"][number]): string =>
  code === "MULTIPLE_DOCS" ? "a second document begins here: a file holds one scenario" : message.split("\n")[0].replace(/ at line \d+, column \d+:?$/, "");

/** Aliases that multiply are refused by the library, by throwing. */
function contentOf(document: YamlSource["document"], refuse: Refuse): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw refuse([], (error as Error).message);
  }
}

/** The field that is wrong, and why, in the words of the schema: titles say what a value must be. */
function misfit(errors: readonly ErrorObject[]): Parameters<Refuse> {
  const [first] = errors;
  const path = first.instancePath.split("/").slice(1);
  if (first.keyword === "additionalProperties") return [[...path, first.params.additionalProperty], "is not a field of a scenario", "key"];
  if (first.keyword === "required") return [[...path, first.params.missingProperty], "is missing"];
  // Of several shapes, the choice itself is what says what may stand there.
  const choice = errors.find(({ keyword, instancePath }) => keyword === "anyOf" && instancePath === first.instancePath) ?? first;
  const title = (choice.parentSchema as { title?: string } | undefined)?.title;
  if (title && path.length) return [path, `must be ${title}, got ${JSON.stringify(choice.data)}`];
  if (!path.length && first.keyword === "type") return [path, `must hold the fields of a scenario: ${schema.required.join(", ")}`];
  return [path, `${first.message}${first.keyword === "enum" ? `: ${first.params.allowedValues.join(", ")}` : ""}`];
}
