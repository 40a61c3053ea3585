import { runDemo } from "../demo/demo.ts";
import { defaultFile, readInput } from "../demo/input.ts";
import { demoText } from "../demo/text.ts";
import { machineOption, numberOption, operationOption } from "./options.ts";
import { startMachine } from "./start-machine.ts";

export interface DemoOptions {
  op: string;
  file?: string;
  pagesPerGroup: string;
  machine?: string;
  ram?: string;
  seed: string;
  json?: boolean;
}

/** `faultline demo` and `faultline sim demo`. */
export async function demoCommand(mode: "processes" | "sim", options: DemoOptions): Promise<number> {
  const operation = operationOption(options.op);
  const pagesPerGroup = numberOption("pages-per-group", options.pagesPerGroup, 1, 64);
  const seed = numberOption("seed", options.seed, 0, 2 ** 32 - 1);
  const machine = machineOption(options);
  const file = readInput(options.file ?? defaultFile, machine);
  const running = await startMachine(mode, machine, { seed, switches: [], trace: "fault-path" });
  try {
    const result = await runDemo(running, operation, file, pagesPerGroup);
    process.stdout.write(`${options.json ? JSON.stringify(result) : demoText(machine, mode === "sim" ? `simulation, seed ${seed}` : "four processes", result)}\n`);
    return 0;
  } finally {
    await running.close();
  }
}
