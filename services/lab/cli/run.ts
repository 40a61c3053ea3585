import { isDeepStrictEqual } from "node:util";
import { connectOption } from "../connection/addresses.ts";
import { checkData } from "../history/data-checked.ts";
import { withFinalState } from "../history/final-state.ts";
import { writeRun } from "../report/run-directory.ts";
import { runText } from "../report/run-text.ts";
import { judgeRun } from "../report/verdict.ts";
import { loadScenario } from "../scenarios/load-scenario.ts";
import { Random } from "../simulation/random.ts";
import { EXIT, inputError } from "./errors.ts";
import { MAX_VM, numberOption } from "./options.ts";
import { connectOrStart } from "./start-machine.ts";
import { switchesOption } from "./switches.ts";

export interface RunOptions {
  mode?: string;
  connect?: string;
  vm: string;
  seed?: string;
  mutants?: string;
  out?: string;
  json?: boolean;
}

/** `faultline run`: one experiment, judged by the checkers. */
export async function runCommand(idOrFile: string, options: RunOptions): Promise<number> {
  const addresses = options.mode === "sim" ? null : connectOption(options.connect);
  const mode = options.mode ?? (addresses ? "processes" : "sim");
  if (mode !== "sim" && mode !== "processes") throw inputError(`--mode ${mode} is neither sim nor processes`, "mode");
  const scenario = loadScenario(idOrFile);
  const seed = options.seed === undefined ? scenario.seed : numberOption("seed", options.seed, 0, 2 ** 32 - 1);
  const mutants = switchesOption("mutants", options.mutants);
  if (addresses && mutants.length) throw inputError("--mutants are read once at the start of a service: npx faultline up --mutants .., then run --connect", "mutants");
  const vm = numberOption("vm", options.vm, 0, MAX_VM);
  const command = [
    "npx faultline run",
    idOrFile,
    "--mode",
    mode,
    "--seed",
    seed,
    ...(addresses ? ["--connect", addresses.text] : []),
    ...(mutants.length ? ["--mutants", mutants.join(",")] : []),
  ].join(" ");

  const random = new Random(seed);
  const bytes = Uint8Array.from({ length: scenario.fileBytes }, () => random.uint32() & 0xff);
  const { running, machine } = await connectOrStart(addresses, mode, () => scenario.machine, { seed, switches: mutants, trace: "all", vm });
  try {
    const other = scenario.machineSections.find((section) => !isDeepStrictEqual(machine[section], scenario.machine[section]));
    if (other) throw inputError(`${idOrFile} needs another machine than the one that runs: machine.${other} differs; run it without --connect`, `machine.${other}`);
    await running.arm(scenario.rules);
    const end = await running.runWorkload([{ name: scenario.workload.file, bytes }], scenario.workload);
    const data = end.ended ? checkData(scenario.workload, bytes, end.result.queues) : [];
    const history = withFinalState(await running.history(), { data });
    const judgement = judgeRun(scenario, history);
    const report = writeRun(options.out ?? null, scenario, { mode, seed, mutants, command }, judgement, history);
    process.stdout.write(`${options.json ? JSON.stringify(report) : runText(scenario, report, judgement.error, command)}\n`);
    return judgement.verdict === "pass" ? EXIT.ok : judgement.verdict === "violation" ? EXIT.violation : EXIT.infrastructure;
  } finally {
    await running.close();
  }
}
