import { writeRun } from "../report/run-directory.ts";
import { runText } from "../report/run-text.ts";
import { judgeRun } from "../report/verdict.ts";
import { loadScenario } from "../scenarios/load-scenario.ts";
import { Random } from "../simulation/random.ts";
import { EXIT, inputError } from "./errors.ts";
import { numberOption } from "./options.ts";
import { startMachine } from "./start-machine.ts";
import { switchesOption } from "./switches.ts";

export interface RunOptions {
  mode: string;
  seed?: string;
  mutants?: string;
  out?: string;
  json?: boolean;
}

/** `faultline run`: one experiment, judged by the checkers. */
export async function runCommand(idOrFile: string, options: RunOptions): Promise<number> {
  const { mode } = options;
  if (mode !== "sim" && mode !== "processes") throw inputError(`--mode ${mode} is neither sim nor processes`, "mode");
  const scenario = loadScenario(idOrFile);
  const seed = options.seed === undefined ? scenario.seed : numberOption("seed", options.seed, 0, 2 ** 32 - 1);
  const mutants = switchesOption("mutants", options.mutants);
  const command = ["npx faultline run", idOrFile, "--mode", mode, "--seed", seed, ...(mutants.length ? ["--mutants", mutants.join(",")] : [])].join(" ");

  const random = new Random(seed);
  const bytes = Uint8Array.from({ length: scenario.fileBytes }, () => random.uint32() & 0xff);
  const running = await startMachine(mode, scenario.machine, { seed, switches: mutants, trace: "all" });
  try {
    await running.arm(scenario.rules);
    await running.runWorkload([{ name: scenario.workload.file, bytes }], scenario.workload);
    const history = await running.history();
    const judgement = judgeRun(scenario, history);
    const report = writeRun(options.out ?? null, scenario, { mode, seed, mutants, command }, judgement, history);
    process.stdout.write(`${options.json ? JSON.stringify(report) : runText(scenario, report, judgement.error, command)}\n`);
    return judgement.verdict === "pass" ? EXIT.ok : judgement.verdict === "violation" ? EXIT.violation : EXIT.infrastructure;
  } finally {
    await running.close();
  }
}
