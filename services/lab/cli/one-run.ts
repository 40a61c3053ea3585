import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import { loadMachine } from "@faultline/shared/shell/machine-file.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { parse } from "yaml";
import { type Addresses, connectOption } from "../connection/addresses.ts";
import { brokenOff } from "../history/final-state.ts";
import type { RunFiles } from "../report/run-directory.ts";
import { type RunRecord, recordRun } from "../report/run-record.ts";
import { judgeRun, type Verdict } from "../report/verdict.ts";
import { runExperiment } from "../scenarios/experiment.ts";
import { parseScenario, readScenario, type Scenario, scenarioIds } from "../scenarios/load-scenario.ts";
import type { MachineSections } from "../scenarios/machine-of.ts";
import { refusalOf } from "../scenarios/modes.ts";
import { EXIT, Failure, inputError } from "./errors.ts";
import { abiOption, logLevelOption, MAX_VM, numberOption } from "./options.ts";
import { progress } from "./progress.ts";
import { connectOrStart, type Mode, modes } from "./start-machine.ts";
import { switchesOption } from "./switches.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface RunOptions {
  mode?: string;
  connect?: string;
  machine?: string;
  logLevel?: string;
  vm: string;
  seed?: string;
  seeds?: string;
  mutants?: string;
  defects?: string;
  abi?: string;
  out?: string;
  checkDeterminism?: boolean;
  encode?: boolean;
  json?: boolean;
}

/** One run of a scenario, decided to the last choice. */
export interface Run {
  scenario: Scenario;
  /** Texts that the directory of the run keeps. */
  files: RunFiles;
  mode: Mode;
  addresses: Addresses | null;
  seed: number;
  switches: string[];
  vm: number;
  encode: boolean;
  logLevel: string | undefined;
  /** What reproduces it, with another seed too. */
  command(seed: number): string;
}

/** What the options ask for; an input error names the option that does not fit. */
export function runOf(idOrFile: string, options: RunOptions): Run {
  const addresses = options.mode === undefined || options.mode === "processes" ? connectOption(options.connect) : null;
  const mode = modes.find((one) => one === (options.mode ?? (addresses ? "processes" : "sim")));
  if (!mode) throw inputError(`--mode ${options.mode} is none of ${modes.join(", ")}`, "mode");
  const fixed = addresses && (["machine", "abi"] as const).find((flag) => options[flag] !== undefined);
  if (fixed) throw inputError(`--${fixed}: a machine that runs has its own: npx faultline up --${fixed} .., then run --connect`, fixed);
  const shipped = scenarioIds().includes(idOrFile);
  const text = readScenario(idOrFile); // once: a pipe has no second time
  const base = machineFile(options.machine);
  const asWritten = parseScenario(text, shipped ? `${idOrFile}.yaml` : idOrFile, base.sections);
  const scenario = { ...asWritten, machine: abiOption(asWritten.machine, options.abi) };
  if (options.connect && !addresses) throw inputError(`--connect: a machine that runs is no --mode ${mode}: leave out one of them`, "connect");
  const refusal = refusalOf(scenario, addresses ? "connected" : mode);
  if (refusal) throw inputError(`${idOrFile}: ${refusal}`, "mode");
  if (options.checkDeterminism && mode !== "sim") throw inputError(`--check-determinism: --mode ${mode} runs on real time`, "check-determinism");
  if (options.encode && mode !== "sim") throw inputError(`--encode: in --mode ${mode} every message is encoded`, "encode");
  if (options.checkDeterminism && options.seeds) throw inputError("--check-determinism and --seeds: one of them", "seeds");
  const seed = options.seed === undefined ? scenario.seed : numberOption("seed", options.seed, 0, 2 ** 32 - 1);
  const asked = [...switchesOption("mutants", options.mutants), ...switchesOption("defects", options.defects)];
  const switches = [...new Set([...scenario.mutants, ...scenario.defects, ...asked])];
  if (addresses && switches.length)
    throw inputError("mutants and defects are read once at the start of a service: npx faultline up --mutants .., then run --connect", "mutants");
  const vm = numberOption("vm", options.vm, 0, addresses ? MAX_VM : scenario.machine.vms.length - 1);
  const logLevel = logLevelOption(options.logLevel, mode === "processes" && !addresses);
  const command = (seed: number): string => {
    const words = ["npx faultline run", shipped ? idOrFile : fromRoot(idOrFile), "--mode", mode, "--seed", seed];
    if (addresses) words.push("--connect", addresses.text);
    if (vm) words.push("--vm", vm);
    if (options.machine) words.push("--machine", fromRoot(options.machine));
    for (const flag of ["mutants", "defects", "abi"] as const) if (options[flag]) words.push(`--${flag}`, options[flag]);
    if (options.encode) words.push("--encode");
    return words.join(" ");
  };
  return {
    scenario,
    files: { scenario: shipped ? undefined : text, machine: base.text },
    mode,
    addresses,
    seed,
    switches,
    vm,
    encode: options.encode ?? false,
    logLevel,
    command,
  };
}

/** The machine file that was asked for. A MachineFileError says what is wrong with it, before anything of the scenario is put over it. */
function machineFile(path: string | undefined): { text: string | undefined; sections: MachineSections } {
  if (path === undefined) return { text: undefined, sections: {} };
  loadMachine(path);
  const text = readFileSync(path, "utf8");
  return { text, sections: (parse(text) as MachineSections | null) ?? {} };
}

/** A path as a shell in the repository takes it, where `npx faultline` is at home. */
function fromRoot(path: string): string {
  const within = relative(root, resolve(path));
  const seen = within.startsWith("..") ? resolve(path) : within;
  return /^[\w./@%+:,-]+$/.test(seen) ? seen : `'${seen.replaceAll("'", "'\\''")}'`;
}

/** `git describe` of this checkout: a seed means the same run at the same commit only. */
function commit(): string | undefined {
  const { status, stdout } = spawnSync("git", ["-C", root, "describe", "--always", "--dirty", "--abbrev=12"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return status === 0 ? stdout.trim() : undefined;
}

/** Runs it. What breaks a run off is the last event of its history, where there is one: it gets its verdict, its report and its `repro.sh` like every other. */
export async function historyOf({ scenario, mode, addresses, seed, switches, vm, encode, logLevel }: Run): Promise<TraceEvent[]> {
  const { running, machine } = await connectOrStart(addresses, mode, () => scenario.machine, { seed, switches, trace: "all", vm, encode, logLevel });
  try {
    checkMachine(scenario, machine);
    progress(`${scenario.id}: running (${mode}, seed ${seed})`);
    return await runExperiment(scenario, running, seed);
  } catch (error) {
    const history = error instanceof Failure && error.kind === "input" ? [] : await running.collected();
    if (!history.length) throw error;
    const known = error instanceof Failure || error instanceof InfrastructureError;
    if (!known) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`); // a bug of ours: the stack is what helps
    return brokenOff(history, error instanceof Error ? error.message : String(error));
  } finally {
    await running.close();
  }
}

function checkMachine({ id, machineSections, machine: needed }: Scenario, machine: Machine): void {
  const other = machineSections.find((section) => !isDeepStrictEqual(machine[section], needed[section]));
  if (other) throw inputError(`${id} needs another machine than the one that runs: machine.${other} differs; run it without --connect`, `machine.${other}`);
}

/** The verdict on a history, and all that its report is written from. */
export function recordOf({ scenario, mode, seed, switches, command }: Run, history: TraceEvent[]): RunRecord {
  progress(`${scenario.id}: judging ${history.length} events`);
  return recordRun(scenario, { mode, seed, mutants: switches, command: command(seed), commit: commit() }, judgeRun(scenario, history), history);
}

export const exitOf = (verdict: Verdict): number => ({ pass: EXIT.ok, violation: EXIT.violation, error: EXIT.infrastructure })[verdict];
