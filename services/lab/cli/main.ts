import { MachineFileError } from "@faultline/shared/machine/parse-machine.ts";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import { Command, CommanderError } from "commander";
import { endpointOptions } from "../endpoint/options.ts";
import { dumpViews, infoViews } from "../inspect/views.ts";
import { CONNECT_HELP, onRunningMachine } from "./connect-option.ts";
import { demoCommand } from "./demo.ts";
import { EXIT, Failure, type FailureKind } from "./errors.ts";
import { progressEnds } from "./progress.ts";
import { runCommand } from "./run.ts";

const json = process.argv.includes("--json");

/** The command line of Faultline (interfaces.md, section 11). */
function program(): Command {
  const faultline = new Command("faultline")
    .description("Virtual Shared Virtual Addressing on Arm, emulated end to end, and broken on purpose.")
    .showHelpAfterError(false);
  const ends = (action: Promise<number>) => action.then((code) => void (process.exitCode = code));

  const demo = (command: Command, mode: "processes" | "sim") =>
    command
      .description(mode === "sim" ? "The demo in one process and virtual time" : "One guest page fault, served end to end by four processes")
      .option("--op <operation>", "copy, crc32c, sha256 or gzip", "sha256")
      .option("--file <path>", "the file that the guest's process maps (default: package-lock.json of the repository)")
      .option("--pages-per-group <n>", "page requests in one group, 1 to 64", "8")
      .option("--endpoints <n>", "accelerators used, 1 to 64; the machine gets those that it lacks", "1")
      .option("--queues <n>", "queues used of each, 1 to 8: a process and a PASID for every queue, all over the same file", "1")
      .option("--machine <file>", "machine file (default: services/lab/machines/default.yaml)")
      .option("--ram <size>", "RAM of the guest, like 64MiB")
      .option("--abi <abi>", "wire of virtio-iommu: review or rfc-v1 (default: the machine file's)")
      .option("--seed <n>", "seed of the simulation", "1")
      .option("--vm <n>", "whose guest runs the job", "0")
      .option("--log-level <level>", "of the services' logs, on stderr: trace to fatal (default: none)")
      .option("--connect <where>", `on a machine that runs: ${CONNECT_HELP}`)
      .option("--json", "one JSON object on stdout")
      .action((options) => ends(demoCommand(mode, options)));
  demo(faultline.command("demo"), "processes");
  demo(faultline.command("sim").description("The simulation").command("demo"), "sim");

  faultline
    .command("run <scenario>")
    .description("One experiment: a scenario's id or file")
    .option("--mode <mode>", "sim, processes or containers (default: sim; processes with --connect)")
    .option("--connect <where>", `on a machine that runs: ${CONNECT_HELP}`)
    .option("--machine <file>", "machine file, over which the scenario's own sections go (default: services/lab/machines/default.yaml)")
    .option("--vm <n>", "whose guest runs the workload", "0")
    .option("--seed <n>", "seed (default: the scenario's)")
    .option("--seeds <n>", "so many seeds in a row from that one on: a table; a directory for each that does not pass")
    .option("--mutants <ids>", "mutants to switch on, separated by commas, besides those of the scenario")
    .option("--defects <ids>", "defects to switch on, separated by commas; as-posted: all of the posted series with which the flow still runs")
    .option("--abi <abi>", "wire of virtio-iommu: review or rfc-v1 (default: the scenario's)")
    .option("--log-level <level>", "of the services' logs, on stderr: trace to fatal (default: none)")
    .option("--encode", "in the simulation: every message passes through the codec of its edge; the history is the same")
    .option("--check-determinism", "runs twice and names the first line of the histories that differs")
    .option("--out <dir>", "where history and report go (default: a new one in runs/)")
    .option("--json", "one JSON object on stdout")
    .action((scenario, options) => ends(runCommand(scenario, options)));

  experiments(faultline, ends);
  operation(faultline, ends);
  inspection(faultline, ends);
  endpoint(faultline, ends);

  faultline
    .command("bench <name>")
    .description("Measures against a floor taken in the same run: fault-path, start, walk, ats, sim")
    .option("--rounds <n>", "rounds, floor and product interleaved", "5")
    .option("--json", "one JSON object on stdout")
    .action((name, options) => ends(import("./bench.ts").then(({ benchCommand }) => benchCommand(name, options))));

  faultline
    .command("vectors <files...>")
    .description("Replays smmu-vectors/1, smmu-image/1 and virtio-iommu-vectors/1 files against a fresh smmu or vmm process")
    .option("--cache <entries>", "entries of the TLB and of the configuration cache: default, 0 or a number", "default")
    .option("--in-process", "against the hardware or the VMM in this process")
    .option("--json", "one JSON object on stdout")
    .action((files, options) => ends(import("./vectors.ts").then(({ vectorsCommand }) => vectorsCommand(files, options))));
  return faultline;
}

type Ends = (action: Promise<number>) => Promise<void>;

/** Commands around `run`. What they need is loaded when they are called. */
function experiments(faultline: Command, ends: Ends): void {
  const table = () => import("./scenarios.ts");
  faultline
    .command("judge <directory>")
    .description("Judges the history of a run again, by the checkers of today")
    .option("--json", "one JSON object on stdout")
    .action((directory, options) => ends(import("./judge.ts").then(({ judgeCommand }) => judgeCommand(directory, options))));
  faultline
    .command("campaign [scenarios...]")
    .description("Many experiments in the simulation, on every core: scenarios (default: all that are shipped) with many seeds")
    .option("--seeds <n>", "so many seeds in a row of each", "20")
    .option("--seed <n>", "the first (default: each scenario's)")
    .option("--jobs <n>", "experiments at a time (default: one a core)")
    .option("--mutants <ids>", "mutants to switch on, separated by commas, besides those of the scenarios")
    .option("--defects <ids>", "defects to switch on, separated by commas; as-posted: all of the posted series with which the flow still runs")
    .option("--caught", "instead of clean runs those with the switches that the scenarios say a checker catches")
    .option("--shrink", "takes from a scenario that fails what its violation does not need")
    .option("--out <dir>", "where reports of what does not pass go (default: new directories in runs/)")
    .option("--json", "one JSON object on stdout")
    .action((scenarios, options) => ends(import("./campaign.ts").then(({ campaignCommand }) => campaignCommand(scenarios, options))));
  faultline
    .command("sweep <workload>")
    .description("Fails every injection point of a clean run in turn: bind-fault-unbind-exit")
    .option("--seed <n>", "seed of the simulation", "1")
    .option("--only <point>", "only injection points whose name contains this")
    .option("--mutants <ids>", "mutants to switch on, separated by commas")
    .option("--json", "one JSON object on stdout")
    .action((workload, options) => ends(import("./sweep.ts").then(({ sweepCommand }) => sweepCommand(workload, options))));
  faultline
    .command("scenarios")
    .description("The experiments that are shipped")
    .command("list", { isDefault: true })
    .option("--json", "one JSON object on stdout")
    .action((options) => ends(table().then(({ scenariosCommand }) => scenariosCommand(options))));
  faultline
    .command("explain <id>")
    .description("A scenario, finding of the review (RR-01 to RR-95), defect, mutant, checker, assertion, point or kind of event")
    .option("--json", "one JSON object on stdout")
    .action((id, options) => ends(table().then(({ explainCommand }) => explainCommand(id, options))));
  faultline
    .command("points")
    .description("The named points of every service, where the lab can hold it")
    .option("--json", "one JSON object on stdout")
    .action((options) => ends(table().then(({ pointsCommand }) => pointsCommand(options))));
}

/** Commands that run a machine in the background. What they need is loaded when they are called. */
function operation(faultline: Command, ends: Ends): void {
  faultline
    .command("up")
    .description("The services in the background, as processes; again on a run that lost some of them")
    .option("--run <name>", "name of the run (default: FAULTLINE_RUN, else up)")
    .option("--machine <file>", "machine file (default: services/lab/machines/default.yaml)")
    .option("--ram <size>", "RAM of the first guest, like 64MiB")
    .option("--abi <abi>", "wire of virtio-iommu: review or rfc-v1 (default: the machine file's)")
    .option("--mutants <ids>", "mutants to switch on, separated by commas")
    .option("--defects <ids>", "defects to switch on, separated by commas; as-posted: all of the posted series with which the flow still runs")
    .option("--admin-port <port>", "admin routes on 127.0.0.1 from this port on, one a service; none: without", "8001")
    .option("--log-level <level>", "of the services' logs in the run's folder", "info")
    .option("--json", "one JSON object on stdout")
    .action((options) => ends(import("./up.ts").then(({ upCommand }) => upCommand(options))));
  faultline
    .command("down")
    .description("Ends a run of up; nothing of it is left")
    .option("--connect <run>", "which (default: FAULTLINE_RUN, the only one)")
    .option("--json", "one JSON object on stdout")
    .action((options) => ends(import("./up.ts").then(({ downCommand }) => downCommand(options))));
  onRunningMachine(faultline.command("status").description("Services, edges and counts of a machine that runs")).action((options) =>
    ends(import("./status.ts").then(({ statusCommand }) => statusCommand(options))),
  );
  faultline
    .command("doctor")
    .description("What this computer lacks to run Faultline, and the cure for each")
    .option("--json", "one JSON object on stdout")
    .action((options) => ends(import("./doctor.ts").then(({ doctorCommand }) => doctorCommand(options))));
}

/** Commands that look at a machine that runs. */
function inspection(faultline: Command, ends: Ends): void {
  for (const [command, views] of [
    ["info", infoViews],
    ["dump", dumpViews],
  ] as const) {
    const lines = Object.entries(views).map(([what, { sentence }]) => `  ${what.padEnd(13)} ${sentence}`);
    onRunningMachine(
      faultline.command(`${command} <what>`).description(command === "info" ? "Live state of a machine that runs" : "Structures in its memory, every field by name"),
    )
      .addHelpText("after", `\n${lines.join("\n")}`)
      .option("--sid <id>", "StreamID, like 0x8 or 00:01.0")
      .option("--ssid <id>", "SubstreamID (PASID)")
      .option("--bdf <bdf>", "function, like 00:01.0")
      .option("--vm <n>", "only this VM's VMM and guest")
      .action((what, options) => ends(import("./info.ts").then(({ infoCommand }) => infoCommand(command, what, options))));
  }
  onRunningMachine(faultline.command("walk").description("Every descriptor that a transaction's translation reads, and the outcome"))
    .requiredOption("--sid <id>", "StreamID, like 0x8 or 00:01.0")
    .option("--ssid <id>", "SubstreamID (PASID)")
    .requiredOption("--iova <address>", "input address")
    .option("--write", "a write (default: a read)")
    .option("--priv", "privileged")
    .option("--exec", "an instruction fetch")
    .action((options) => ends(import("./walk.ts").then(({ walkCommand }) => walkCommand(options))));
  onRunningMachine(faultline.command("trace").description("What crosses an edge, live: vfio reads like strace"))
    .requiredOption("--edge <edge>", "vfio, virtio, smmu or pcie")
    .option("--vm <n>", "which VM's edge", "0")
    .option("--count <n>", "ends after so many lines")
    .action((options) => ends(import("./trace.ts").then(({ traceCommand }) => traceCommand(options))));
}

/** A scripted endpoint of a machine that runs. */
function endpoint(faultline: Command, ends: Ends): void {
  const command = faultline.command("endpoint").description("Functions that do what they are told, past any driver").command("do <bdf> <action>");
  endpointOptions(onRunningMachine(command.description("One action of a scripted endpoint, and its outcome"))).action((bdf, action, options) =>
    ends(import("./endpoint.ts").then(({ endpointCommand }) => endpointCommand(bdf, action, options))),
  );
}

/** Commander ends by throwing, and says nothing itself about errors. */
function silence(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => {} });
  for (const sub of command.commands) silence(sub);
  return command;
}

function report(kind: FailureKind, message: string, field?: string): number {
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, error: { kind, message, ...(field ? { field } : {}) } })}\n`);
  else {
    progressEnds();
    process.stderr.write(`faultline: ${message.replace(/\s*\n\s*/g, " ")}\n`);
  }
  return EXIT[kind];
}

/** What commander says of the command line; its help, when a command is named that only has others below it, stands on stderr already. */
function misused({ code, exitCode, message }: CommanderError): number {
  if (exitCode === 0) return EXIT.ok;
  if (code === "commander.help" && !json) return EXIT.input;
  const [, field] = message.match(/(?:'[^']*?--([\w-]+)|argument '(\w+))/)?.filter((part) => part !== undefined) ?? [];
  // Every command takes --json: what does not is a name under which the commands stand.
  if (field === "json" || code === "commander.help") return report("input", "names no command: --help lists them", "command");
  return report("input", message.replace(/^error: /, ""), field ?? "command");
}

function failed(error: unknown): number {
  if (error instanceof CommanderError) return misused(error);
  if (error instanceof MachineFileError) return report("input", error.message, error.field);
  if (error instanceof Failure) return report(error.kind, error.message, error.field);
  if (error instanceof InfrastructureError) return report("infrastructure", error.message);
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (syscall && path) return report("infrastructure", `${path}: ${syscall} failed with ${code}`);
  // A bug of ours: the stack is what helps.
  if (!json) process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return report("infrastructure", `internal error: ${error instanceof Error ? error.message : String(error)}`);
}

try {
  await silence(program()).parseAsync(process.argv);
} catch (error) {
  process.exitCode = failed(error);
}
// Channels that are being closed would keep the process for seconds; what was written is out first.
process.stdout.write("", () => process.exit());
