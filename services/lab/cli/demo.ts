import { connectOption } from "../connection/addresses.ts";
import { runDemo } from "../demo/demo.ts";
import { defaultFile, readInput } from "../demo/input.ts";
import { demoText } from "../demo/text.ts";
import { MAX_VM, machineOption, numberOption, operationOption } from "./options.ts";
import { connectOrStart } from "./start-machine.ts";

export interface DemoOptions {
  op: string;
  file?: string;
  pagesPerGroup: string;
  machine?: string;
  ram?: string;
  seed: string;
  connect?: string;
  vm: string;
  json?: boolean;
}

/** `faultline demo` and `faultline sim demo`. */
export async function demoCommand(mode: "processes" | "sim", options: DemoOptions): Promise<number> {
  const operation = operationOption(options.op);
  const pagesPerGroup = numberOption("pages-per-group", options.pagesPerGroup, 1, 64);
  const seed = numberOption("seed", options.seed, 0, 2 ** 32 - 1);
  const addresses = mode === "processes" ? connectOption(options.connect) : null;
  const own = addresses ? null : machineOption(options);
  const vm = numberOption("vm", options.vm, 0, own ? own.vms.length - 1 : MAX_VM);
  const early = own ? readInput(options.file ?? defaultFile, own, vm) : null; // a wrong file is told before a machine is started
  const { machine, running } = await connectOrStart(addresses, mode, () => own!, { seed, switches: [], trace: "fault-path", vm });
  try {
    const result = await runDemo(running, operation, early ?? readInput(options.file ?? defaultFile, machine, vm), pagesPerGroup);
    const how = mode === "sim" ? `simulation, seed ${seed}` : addresses ? addresses.text : "four processes";
    process.stdout.write(`${options.json ? JSON.stringify(result) : demoText(machine, how, result, vm)}\n`);
    return 0;
  } finally {
    await running.close();
  }
}
