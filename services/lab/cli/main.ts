import { Command, CommanderError } from "commander";
import { demoCommand } from "./demo.ts";
import { EXIT, Failure, type FailureKind } from "./errors.ts";
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
      .option("--machine <file>", "machine file (default: services/lab/machines/default.yaml)")
      .option("--ram <size>", "RAM of the guest, like 64MiB")
      .option("--seed <n>", "seed of the simulation", "1")
      .option("--json", "one JSON object on stdout")
      .action((options) => ends(demoCommand(mode, options)));
  demo(faultline.command("demo"), "processes");
  demo(faultline.command("sim").description("The simulation").command("demo"), "sim");

  faultline
    .command("run <scenario>")
    .description("One experiment: a scenario's id or file")
    .option("--mode <mode>", "sim or processes", "sim")
    .option("--seed <n>", "seed (default: the scenario's)")
    .option("--mutants <ids>", "mutants and defects to switch on, separated by commas")
    .option("--out <dir>", "where history and report go (default: a new one in runs/)")
    .option("--json", "one JSON object on stdout")
    .action((scenario, options) => ends(runCommand(scenario, options)));

  faultline
    .command("bench <name>")
    .description("Measures against a floor taken in the same run: fault-path")
    .option("--rounds <n>", "rounds, floor and product interleaved", "5")
    .option("--json", "one JSON object on stdout")
    .action((name, options) => ends(import("./bench.ts").then(({ benchCommand }) => benchCommand(name, options))));
  return faultline;
}

/** Commander ends by throwing, and says nothing itself about errors. */
function silence(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => {} });
  for (const sub of command.commands) silence(sub);
  return command;
}

function report(kind: FailureKind, message: string, field?: string): number {
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, error: { kind, message, ...(field ? { field } : {}) } })}\n`);
  else process.stderr.write(`faultline: ${message.replace(/\s*\n\s*/g, " ")}\n`);
  return EXIT[kind];
}

function failed(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : report("input", error.message.replace(/^error: /, ""));
  if (error instanceof Failure) return report(error.kind, error.message, error.field);
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
