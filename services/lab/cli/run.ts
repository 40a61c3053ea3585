import { isDeepStrictEqual } from "node:util";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import { type Addresses, connectOption } from "../connection/addresses.ts";
import { writeHistory } from "../history/history.ts";
import { writeRun } from "../report/run-directory.ts";
import { runText } from "../report/run-text.ts";
import { judgeRun } from "../report/verdict.ts";
import { runExperiment } from "../scenarios/experiment.ts";
import { loadScenario, type Scenario } from "../scenarios/load-scenario.ts";
import { EXIT, inputError } from "./errors.ts";
import { MAX_VM, numberOption } from "./options.ts";
import { connectOrStart, type Mode, modes } from "./start-machine.ts";
import { switchesOption } from "./switches.ts";

export interface RunOptions {
  mode?: string;
  connect?: string;
  vm: string;
  seed?: string;
  mutants?: string;
  defects?: string;
  out?: string;
  checkDeterminism?: boolean;
  encode?: boolean;
  json?: boolean;
}

/** One run of a scenario, decided to the last choice. */
interface Run {
  scenario: Scenario;
  mode: Mode;
  addresses: Addresses | null;
  seed: number;
  switches: string[];
  vm: number;
  encode: boolean;
}

/** `faultline run`: one experiment, judged by the checkers. */
export async function runCommand(idOrFile: string, options: RunOptions): Promise<number> {
  const run = runOf(idOrFile, options);
  const { scenario, mode, seed, switches } = run;
  const command = commandOf(idOrFile, run, options);
  const history = await historyOf(run);
  if (options.checkDeterminism) {
    const other = await historyOf(run);
    const differs = firstDivergence(history, other);
    if (differs) {
      const message = `two runs with seed ${seed} differ at line ${differs.line}: ${differs.first} against ${differs.second}`;
      process.stdout.write(options.json ? `${JSON.stringify({ ok: false, error: { kind: "violation", message, field: "determinism" } })}\n` : `${message}\n`);
      return EXIT.violation;
    }
  }
  const judgement = judgeRun(scenario, history);
  const report = writeRun(options.out ?? null, scenario, { mode, seed, mutants: switches, command }, judgement, history);
  process.stdout.write(`${options.json ? JSON.stringify(report) : runText(scenario, report, judgement.error, command)}\n`);
  return judgement.verdict === "pass" ? EXIT.ok : judgement.verdict === "violation" ? EXIT.violation : EXIT.infrastructure;
}

function runOf(idOrFile: string, options: RunOptions): Run {
  const addresses = options.mode === undefined || options.mode === "processes" ? connectOption(options.connect) : null;
  const mode = modes.find((one) => one === (options.mode ?? (addresses ? "processes" : "sim")));
  if (!mode) throw inputError(`--mode ${options.mode} is none of ${modes.join(", ")}`, "mode");
  const scenario = loadScenario(idOrFile);
  if (scenario.simOnly && mode !== "sim") throw inputError(`${idOrFile} runs in --mode sim only: ${scenario.simOnly}`, "mode");
  if (options.checkDeterminism && mode !== "sim") throw inputError(`--check-determinism: --mode ${mode} runs on real time`, "check-determinism");
  if (options.encode && mode !== "sim") throw inputError(`--encode: in --mode ${mode} every message is encoded`, "encode");
  const seed = options.seed === undefined ? scenario.seed : numberOption("seed", options.seed, 0, 2 ** 32 - 1);
  const asked = [...switchesOption("mutants", options.mutants), ...switchesOption("defects", options.defects)];
  const switches = [...new Set([...scenario.mutants, ...scenario.defects, ...asked])];
  if (addresses && switches.length)
    throw inputError("mutants and defects are read once at the start of a service: npx faultline up --mutants .., then run --connect", "mutants");
  return { scenario, mode, addresses, seed, switches, vm: numberOption("vm", options.vm, 0, MAX_VM), encode: options.encode ?? false };
}

/** What reproduces the run. */
function commandOf(idOrFile: string, { mode, seed, addresses, vm }: Run, options: RunOptions): string {
  const command = ["npx faultline run", idOrFile, "--mode", mode, "--seed", seed, ...(addresses ? ["--connect", addresses.text] : []), ...(vm ? ["--vm", vm] : [])];
  for (const flag of ["mutants", "defects"] as const) if (options[flag]) command.push(`--${flag}`, options[flag]);
  if (options.encode) command.push("--encode");
  return command.join(" ");
}

async function historyOf({ scenario, mode, addresses, seed, switches, vm, encode }: Run): Promise<TraceEvent[]> {
  const { running, machine } = await connectOrStart(addresses, mode, () => scenario.machine, { seed, switches, trace: "all", vm, encode });
  try {
    checkMachine(scenario, machine);
    return await runExperiment(scenario, running, seed);
  } finally {
    await running.close();
  }
}

function checkMachine({ id, machineSections, machine: needed }: Scenario, machine: Machine): void {
  const other = machineSections.find((section) => !isDeepStrictEqual(machine[section], needed[section]));
  if (other) throw inputError(`${id} needs another machine than the one that runs: machine.${other} differs; run it without --connect`, `machine.${other}`);
}

/** The first line in which two histories differ; null: none. */
export function firstDivergence(a: readonly TraceEvent[], b: readonly TraceEvent[]): { line: number; first: string; second: string } | null {
  const [first, second] = [a, b].map((history) => writeHistory(history).split("\n"));
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    if (first[i] !== second[i]) return { line: i + 1, first: first[i] ?? "nothing", second: second[i] ?? "nothing" };
  }
  return null;
}
