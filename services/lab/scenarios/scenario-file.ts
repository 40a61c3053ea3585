import type { Program, Workload } from "@faultline/shared/linux/workload.ts";
import { Ajv } from "ajv";
import { isNode, LineCounter, parseDocument } from "yaml";
import { inputError } from "../cli/errors.ts";
import schema from "./schema.json" with { type: "json" };

/** How a workload ends. */
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

const validate = new Ajv({ allowUnionTypes: true }).compile<ScenarioFile>(schema);

/** Says what is wrong with a field, as an input error with file, line and field. */
export type Refuse = (field: readonly (string | number)[], reason: string) => Error;

/** The file, and how to refuse one of its fields. An input error names file, line and field of the first thing that a scenario may not say. */
export function parseScenarioFile(text: string, name: string): { file: ScenarioFile; refuse: Refuse } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length) throw inputError(`${name}:${document.errors[0].linePos?.[0].line ?? 1}: ${document.errors[0].message.split("\n")[0]}`, "scenario");
  const lineOf = (path: readonly (string | number)[]): number => {
    for (let length = path.length; length >= 0; length--) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  const refuse: Refuse = (path, reason) => inputError(`${name}:${lineOf(path)}: ${path.join(".") || "the file"} ${reason}`, path.join(".") || "scenario");
  const file: unknown = document.toJS();
  if (validate(file)) return { file, refuse };
  const [error] = validate.errors!;
  const path = error.instancePath.split("/").slice(1);
  if (error.keyword === "additionalProperties") throw refuse([...path, error.params.additionalProperty], "is not a field of a scenario");
  if (error.keyword === "required") throw refuse([...path, error.params.missingProperty], "is missing");
  const allowed = error.keyword === "enum" ? `: ${error.params.allowedValues.join(", ")}` : "";
  throw refuse(path, `${error.message}${allowed}`);
}
