import { isUtf8 } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import type { FaultRule } from "@faultline/shared/lab/fault-rule.ts";
import type { Workload } from "@faultline/shared/linux/workload.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { traceEvents } from "@faultline/shared/trace/trace-events.ts";
import { assertions } from "../assertions/assertions.ts";
import { checkers } from "../checkers/index.ts";
import { inputError } from "../cli/errors.ts";
import { unknownSwitch } from "../cli/switches.ts";
import { durationNs } from "./duration.ts";
import { parseFaults } from "./faults.ts";
import { type MachineSections, machineOf } from "./machine-of.ts";
import type { PartFault } from "./part-fault.ts";
import { type Expectation, type OperationEntry, parseScenarioFile, type Refuse, type ScenarioFile } from "./scenario-file.ts";

/** When the faults end: with the workload, so long after they were armed, or at an event. */
export type HealAt = { end: true } | { ns: number } | { event: string };

export interface Scenario {
  id: string;
  title: string;
  source: string;
  seed: number;
  /** before, during and after in one text. */
  hypothesis: string;
  machine: Machine;
  /** The sections of the machine that the file says: what a machine that runs must have. Without any it runs on every one. */
  machineSections: (keyof Machine)[];
  /** `file` names an input of `fileBytes` bytes drawn from the seed. A program without a seed of its own gets one drawn from the run's. */
  workload: Workload;
  drawProgramSeed: boolean;
  fileBytes: number;
  /** Defects and mutants that are on. */
  defects: string[];
  mutants: string[];
  rules: FaultRule[];
  partFaults: PartFault[];
  /** null: one phase, nothing heals. */
  /** `rest`: everything under way comes to its end before the workload is asked for again (the sweep). */
  heal: { at: HealAt; withinNs: number; rest?: boolean } | null;
  simOnly: string | null;
  expect: Expectation;
}

const folder = new URL("./", import.meta.url);
/** Without `liveness_within`. */
const DEFAULT_LIVENESS = "10s";

export const scenarioIds = (): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => name.slice(0, -5));

/** The file of a scenario that is shipped. */
export const scenarioText = (id: string): string => readFileSync(new URL(`${id}.yaml`, folder), "utf8");

/** A scenario by its id, or from a file. What the file may not say is an input error that names line and field. */
export const loadScenario = (idOrFile: string): Scenario => parseScenario(readScenario(idOrFile), scenarioIds().includes(idOrFile) ? `${idOrFile}.yaml` : idOrFile);

/** The text of a scenario, by its id or from a file. An input error when there is none, or when it is no text: then with the line. */
export function readScenario(idOrFile: string): string {
  if (scenarioIds().includes(idOrFile)) return scenarioText(idOrFile);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(idOrFile);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw inputError(`${idOrFile} cannot be read as a scenario's file: ${code}`, "scenario");
    throw inputError(`no scenario ${idOrFile}: npx faultline scenarios list names the ${scenarioIds().length} that are shipped; or give a file`, "scenario");
  }
  return decoded(bytes, idOrFile);
}

function decoded(bytes: Uint8Array, name: string): string {
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  throw inputError(`${name}:${lines.findIndex((line) => !isUtf8(Buffer.from(line, "latin1"))) + 1}:1: the file is not in UTF-8`, "scenario");
}

/** `base`: a machine file's content, over which the scenario's own sections go. */
export function parseScenario(text: string, name: string, base: MachineSections = {}): Scenario {
  const { file, refuse } = parseScenarioFile(text, name);
  for (const field of ["defects", "mutants"] as const) checkSwitches(file[field], [field], refuse);
  for (const [i, caught] of (file.expect.caught ?? []).entries()) {
    if (!caught.defects?.length && !caught.mutants?.length) throw refuse(["expect", "caught", i], "switches nothing on: it needs defects or mutants");
    for (const field of ["defects", "mutants"] as const) checkSwitches(caught[field], ["expect", "caught", i, field], refuse);
    if (![...checkers, ...assertions].some(({ id }) => id === caught.by))
      throw refuse(["expect", "caught", i, "by"], `${caught.by} is no checker: ${checkers.map(({ id }) => id).join(", ")}`);
  }
  const { hypothesis, expect } = file;
  const heal = healOf(file, refuse);
  if (expect.after && !heal) throw refuse(["expect", "after"], "needs heal_at or liveness_within: nothing runs after a run that never heals");
  if ("mix" in file.workload && Object.values(file.workload.mix).every((weight) => !weight)) throw refuse(["workload", "mix"], "gives every operation the weight 0");
  const machine = machineOf(file, base, name, refuse);
  const most = accelerators(machine);
  if ((file.workload.endpoints ?? 1) > most)
    throw refuse(["workload", "endpoints"], `is ${file.workload.endpoints}, a VM of the machine has ${most} accelerators at most`);
  return {
    id: file.id,
    title: file.title,
    source: file.source,
    seed: file.seed ?? 1,
    hypothesis: [hypothesis.before ? `Before: ${hypothesis.before.trim()}` : "", hypothesis.during.trim(), hypothesis.after ? `After: ${hypothesis.after.trim()}` : ""]
      .filter(Boolean)
      .join(" "),
    machine,
    machineSections: [...Object.keys(file.machine ?? {}), ...(file.abi ? ["abi"] : [])] as (keyof Machine)[],
    ...workloadOf(file),
    defects: file.defects ?? [],
    mutants: file.mutants ?? [],
    ...parseFaults(file.faults, machine, refuse),
    heal,
    simOnly: file.sim_only ?? null,
    expect: heal ? { ...expect, after: expect.after ?? "succeeds" } : expect,
  };
}

function checkSwitches(ids: string[] | undefined, path: (string | number)[], refuse: Refuse): void {
  const unknown = unknownSwitch(ids ?? []);
  if (unknown) throw refuse([...path, (ids ?? []).indexOf(unknown)], `${unknown} is no defect or mutant`);
}

const accelerators = ({ vms, endpoints }: Machine): number =>
  Math.max(...vms.map((vm) => endpoints.filter(({ kind, bdf }) => kind === "accelerator" && vm.endpoints.includes(bdf)).length));

function healOf(file: ScenarioFile, refuse: Refuse): Scenario["heal"] {
  const { heal_at, liveness_within } = file;
  if (!heal_at && !liveness_within) return null;
  const withinNs = durationNs(liveness_within ?? DEFAULT_LIVENESS);
  if (!heal_at || heal_at === "workload-end") return { at: { end: true }, withinNs };
  if (!heal_at.includes(".")) return { at: { ns: durationNs(heal_at) }, withinNs };
  if (!(heal_at in traceEvents)) throw refuse(["heal_at"], `${heal_at} is no kind of event`);
  return { at: { event: heal_at }, withinNs };
}

function workloadOf({ workload }: ScenarioFile): Pick<Scenario, "workload" | "fileBytes" | "drawProgramSeed"> {
  const { endpoints, queues, pagesPerGroup = 8, retryLimit, jobTimeout = "10s" } = workload;
  const slots = {
    pagesPerGroup,
    jobTimeoutNs: durationNs(jobTimeout),
    ...(endpoints ? { endpoints } : {}),
    ...(queues ? { queues } : {}),
    ...(retryLimit ? { retryLimit } : {}),
  };
  const isOperation = (entry: ScenarioFile["workload"]): entry is OperationEntry => "operation" in entry;
  if (isOperation(workload)) return { workload: { operation: workload.operation, file: "input", ...slots }, fileBytes: workload.file.bytes, drawProgramSeed: false };
  const { processes, pages, jobs, mix, munmap = 0, unbind = 0, exit = 0, seed } = workload;
  const program = { processes, pages, jobs, mix, munmap, unbind, exit, seed: seed ?? 0 };
  return { workload: { operation: "copy", file: "input", ...slots, program }, fileBytes: 0, drawProgramSeed: seed === undefined };
}
