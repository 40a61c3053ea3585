import type { Machine } from "@faultline/shared/machine/machine.ts";
import { type Addresses, connectOption } from "../connection/addresses.ts";
import { type Breadth, runDemo } from "../demo/demo.ts";
import { defaultFile, readInput } from "../demo/input.ts";
import { demoText } from "../demo/text.ts";
import { acceleratorsOf, MAX_ENDPOINTS, withEndpoints } from "../demo/with-endpoints.ts";
import { inputError } from "./errors.ts";
import { logLevelOption, MAX_VM, machineOption, numberOption, operationOption } from "./options.ts";
import { connectOrStart } from "./start-machine.ts";

export interface DemoOptions {
  op: string;
  file?: string;
  pagesPerGroup: string;
  endpoints: string;
  queues: string;
  machine?: string;
  ram?: string;
  abi?: string;
  seed: string;
  logLevel?: string;
  connect?: string;
  vm: string;
  json?: boolean;
}

const MAX_QUEUES = 8;

/** `faultline demo` and `faultline sim demo`. */
export async function demoCommand(mode: "processes" | "sim", options: DemoOptions): Promise<number> {
  const operation = operationOption(options.op);
  const pagesPerGroup = numberOption("pages-per-group", options.pagesPerGroup, 1, 64);
  const seed = numberOption("seed", options.seed, 0, 2 ** 32 - 1);
  const breadth = { endpoints: numberOption("endpoints", options.endpoints, 1, MAX_ENDPOINTS), queues: numberOption("queues", options.queues, 1, MAX_QUEUES) };
  const logLevel = logLevelOption(options.logLevel, mode === "processes" && options.connect === undefined);
  const addresses = mode === "processes" ? connectOption(options.connect) : null;
  const fixed = addresses && (["machine", "ram", "abi"] as const).find((flag) => options[flag] !== undefined);
  if (fixed) throw inputError(`--${fixed}: a machine that runs has its own: npx faultline up --${fixed} .., then demo --connect`, fixed);
  const given = addresses ? null : machineOption(options);
  const vm = numberOption("vm", options.vm, 0, given ? given.vms.length - 1 : MAX_VM);
  const broad = given && broadened(given, breadth, vm);
  const early = broad ? readInput(options.file ?? defaultFile, broad, vm) : null; // a wrong file is told before a machine is started
  const { machine, running } = await connectOrStart(addresses, mode, () => broad!, { seed, switches: [], trace: "fault-path", vm, logLevel });
  try {
    if (addresses) enough(machine, breadth, vm, addresses);
    const result = await runDemo(running, operation, early ?? readInput(options.file ?? defaultFile, machine, vm), pagesPerGroup, breadth);
    const how = mode === "sim" ? `simulation, seed ${seed}` : addresses ? addresses.text : "four processes";
    process.stdout.write(`${options.json ? JSON.stringify(result) : demoText(machine, how, result, vm)}\n`);
    return 0;
  } finally {
    await running.close();
  }
}

/** The machine with as many accelerators in `vm` as are asked for. */
function broadened(machine: Machine, { endpoints }: Breadth, vm: number): Machine {
  const broad = withEndpoints(machine, endpoints, vm);
  if (broad) return broad;
  if (acceleratorsOf(machine, vm).length === 0) throw inputError(`--endpoints ${endpoints}: ${machine.vms[vm].name} has no accelerator to be like`, "endpoints");
  throw inputError(
    `--endpoints ${endpoints}: the machine has room for ${MAX_ENDPOINTS} functions of ${machine.smmu.sidBits} StreamID bits, all VMs together`,
    "endpoints",
  );
}

/** A machine that runs has the functions it was started with. */
function enough(machine: Machine, { endpoints }: Breadth, vm: number, { text }: Addresses): void {
  const there = acceleratorsOf(machine, vm).length;
  if (there >= endpoints) return;
  throw inputError(
    `--endpoints ${endpoints}: ${machine.vms[vm].name} of ${text} has ${there}; npx faultline up --machine services/lab/machines/eight-endpoints.yaml has eight`,
    "endpoints",
  );
}
