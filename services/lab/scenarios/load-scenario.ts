import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { EdgeRule } from "@faultline/shared/edge/rules.ts";
import type { Workload } from "@faultline/shared/linux/workload.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { parseMachine } from "@faultline/shared/machine/parse-machine.ts";
import { Ajv } from "ajv";
import { parseDocument, stringify } from "yaml";
import { inputError } from "../cli/errors.ts";
import schema from "./schema.json" with { type: "json" };
import { parseWhere } from "./where.ts";

interface ScenarioFile {
  id: string;
  title: string;
  source: string;
  seed?: number;
  machine?: object;
  workload: { operation: Workload["operation"]; file: { bytes: number }; pagesPerGroup?: number; jobTimeout?: string };
  hypothesis: string;
  faults: { where: string; when?: { nth?: number; every?: number; times?: number }; do: EdgeRule["do"]; for?: string }[];
  expect: { workload: "succeeds" | "fails"; error?: string };
}

export interface Scenario {
  id: string;
  title: string;
  source: string;
  seed: number;
  hypothesis: string;
  machine: Machine;
  /** The sections of the machine that the file says: what a machine that runs must have. Without any it runs on every one. */
  machineSections: (keyof Machine)[];
  /** `file` names an input of `fileBytes` bytes drawn from the seed. */
  workload: Workload;
  fileBytes: number;
  rules: EdgeRule[];
  expect: ScenarioFile["expect"];
}

const folder = new URL("./", import.meta.url);
const validate = new Ajv().compile<ScenarioFile>(schema);
const UNIT_NS: Record<string, number> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
const durationNs = (text: string): number => Number.parseInt(text, 10) * UNIT_NS[text.replace(/\d/g, "")];

export const scenarioIds = (): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => name.slice(0, -5));

/** A scenario by its id, or from a file. What the file may not say is an input error that names the field. */
export function loadScenario(idOrFile: string): Scenario {
  const known = scenarioIds().includes(idOrFile);
  if (!known && !existsSync(idOrFile)) throw inputError(`no scenario ${idOrFile}: ${scenarioIds().join(", ")}, or a file`, "scenario");
  return parseScenario(readFileSync(known ? new URL(`${idOrFile}.yaml`, folder) : idOrFile, "utf8"), known ? `${idOrFile}.yaml` : idOrFile);
}

export function parseScenario(text: string, name: string): Scenario {
  const document = parseDocument(text);
  if (document.errors.length) throw inputError(`${name}: ${document.errors[0].message.split("\n")[0]}`, "scenario");
  const file: unknown = document.toJS();
  if (!validate(file)) {
    const [error] = validate.errors!;
    const field = [...error.instancePath.split("/").slice(1), error.params.additionalProperty ?? error.params.missingProperty ?? []].flat().join(".");
    throw inputError(`${name}: ${field || "scenario"} ${error.keyword === "additionalProperties" ? "is not a field of a scenario" : error.message}`, field || "scenario");
  }
  const { workload } = file;
  return {
    id: file.id,
    title: file.title,
    source: file.source,
    seed: file.seed ?? 1,
    hypothesis: file.hypothesis.trim(),
    expect: file.expect,
    machineSections: Object.keys(file.machine ?? {}) as (keyof Machine)[],
    machine: parseMachine(stringify(file.machine ?? {}), `${name} machine`),
    workload: { operation: workload.operation, file: "input", pagesPerGroup: workload.pagesPerGroup ?? 8, jobTimeoutNs: durationNs(workload.jobTimeout ?? "10s") },
    fileBytes: workload.file.bytes,
    rules: file.faults.map((fault, index): EdgeRule => {
      const where = parseWhere(fault.where);
      if (typeof where === "string") throw inputError(`${name}: faults.${index}.where ${where}`, `faults.${index}.where`);
      if (fault.do === "delay" && !fault.for) throw inputError(`${name}: faults.${index}.for is missing: how long to delay`, `faults.${index}.for`);
      return { id: `fault-${index}`, ...where, ...fault.when, do: fault.do, ...(fault.for ? { ns: durationNs(fault.for) } : {}) };
    }),
  };
}
