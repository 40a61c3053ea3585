import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseConnect } from "../connection/addresses.ts";
import { connect } from "../connection/connection.ts";
import type { BackgroundOptions, BackgroundReply } from "../supervisor/background.ts";
import { isAlive, liveRuns, type RunRecord, runsFolder } from "../supervisor/run-folder.ts";
import { EXIT, Failure, infrastructureError, inputError } from "./errors.ts";
import { logLevelOption, machineOption, numberOption } from "./options.ts";
import { switchesOption } from "./switches.ts";

export interface UpOptions {
  run?: string;
  machine?: string;
  ram?: string;
  abi?: string;
  mutants?: string;
  defects?: string;
  adminPort: string;
  logLevel: string;
  json?: boolean;
}

const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const COME_UP_MS = 30_000,
  GO_DOWN_MS = 10_000,
  LOOK_MS = 50;
const pause = () => new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS));

/** `faultline up`: the services in the background; on a run that lost some of them, those again. */
export async function upCommand(options: UpOptions): Promise<number> {
  const name = options.run ?? process.env.FAULTLINE_RUN ?? "up";
  if (!RUN_NAME.test(name)) throw inputError(`--run ${name} is no name of a run: letters, digits, . _ and -, at most 32`, "run");
  logLevelOption(options.logLevel);
  const there = liveRuns().find(({ run }) => run === name);
  if (there) sameAs(there, options);
  const run = there ? await again(there) : await start(name, options);
  const { services } = liveRuns().find((live) => live.run === run) ?? { services: [] };
  if (options.json) process.stdout.write(`${JSON.stringify({ ok: true, run, services })}\n`);
  else
    process.stdout.write(
      `run ${run} is up\n${services.map(({ name: part, pid, admin }) => `  ${part.padEnd(8)} pid ${pid}${admin ? `  http://${admin}` : ""}`).join("\n")}\nnpx faultline down ends it\n`,
    );
  return EXIT.ok;
}

const switchesOf = ({ mutants, defects }: UpOptions): string[] => [...switchesOption("mutants", mutants), ...switchesOption("defects", defects)];

/** What a run that is up has of its own cannot be asked for otherwise. */
function sameAs({ run, switches }: RunRecord, options: UpOptions): void {
  const asked = (flag: "machine" | "ram" | "abi" | "mutants" | "defects") => options[flag] !== undefined;
  const machine = (["machine", "ram", "abi"] as const).find(asked);
  const others = (["mutants", "defects"] as const).find(asked);
  const other =
    (machine && JSON.stringify(machineOption(options)) !== readFileSync(join(runsFolder(), run, "machine.json"), "utf8").trim() && machine) ||
    (others && switchesOf(options).toSorted().join() !== switches.toSorted().join() && others);
  if (other) throw inputError(`--${other}: run ${run} is up with another: npx faultline down --connect ${run} first, or --run with another name`, other);
}

async function start(name: string, options: UpOptions): Promise<string> {
  const adminPort = options.adminPort === "none" ? null : numberOption("admin-port", options.adminPort, 1, 65_000);
  const background: BackgroundOptions = {
    machine: machineOption(options),
    name,
    switches: switchesOf(options),
    adminPort,
    logLevel: options.logLevel,
  };
  const main = fileURLToPath(new URL("../supervisor/background.ts", import.meta.url));
  // It keeps nothing of this command open: who waits for the end of our output must not wait for the run's.
  const child = spawn(process.execPath, [main, JSON.stringify(background)], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await Promise.race([once(child.stdout, "data"), once(child, "exit")])) as [Buffer | number | null];
  if (!(line instanceof Buffer)) throw infrastructureError(`the supervisor ended with ${line}`);
  const reply = JSON.parse(line.toString()) as BackgroundReply;
  if (!reply.ok) {
    await once(child, "exit");
    throw infrastructureError(reply.message, reply.field);
  }
  child.stdout.destroy();
  child.unref();
  return reply.run;
}

/** The supervisor starts what is missing; done when every part answers. */
async function again({ run, pid, starts }: RunRecord): Promise<string> {
  process.kill(pid, "SIGHUP");
  const deadline = Date.now() + COME_UP_MS;
  for (;;) {
    const now = liveRuns().find((live) => live.run === run);
    if (!now) throw infrastructureError(`run ${run} has ended`);
    const gone = now.starts > starts ? now.services.find(({ ended }) => ended) : undefined;
    if (gone) throw infrastructureError(`${gone.name} did not come up (${gone.ended}): ${join(runsFolder(), run, `${gone.name}.log`)} says why`, gone.name);
    if (now.starts > starts && (await down(run)) === null) return run;
    if (Date.now() > deadline) throw infrastructureError(`run ${run} did not come up within ${COME_UP_MS / 1000} s: npx faultline status --connect ${run}`);
    await pause();
  }
}

/** A part of the run that does not answer, or null. */
const down = (run: string): Promise<string | null> =>
  connect(parseConnect(run)).then(
    (connection) => {
      connection.close();
      return connection.parts.find((part) => part.down)?.name ?? null;
    },
    (error: Error) => {
      if (error instanceof Failure) return "smmu";
      throw error;
    },
  );

export interface DownOptions {
  connect?: string;
  json?: boolean;
}

/** `faultline down`: ends a run of `up`, and removes its sockets and memory file. */
export async function downCommand(options: DownOptions): Promise<number> {
  const runs = liveRuns().filter(({ purpose }) => purpose === "up");
  const asked = options.connect ?? process.env.FAULTLINE_RUN;
  const [record] = asked ? runs.filter(({ run }) => run === asked) : runs;
  if (!record)
    throw inputError(asked ? `no run ${asked} of \`up\` here: ${runs.map(({ run }) => run).join(", ") || "none"}` : "no machine runs here: nothing to end", "connect");
  if (!asked && runs.length > 1) throw inputError(`several run here (${runs.map(({ run }) => run).join(", ")}): --connect RUN says which`, "connect");
  process.kill(record.pid, "SIGTERM");
  const deadline = Date.now() + GO_DOWN_MS;
  while (isAlive(record)) {
    if (Date.now() > deadline) throw infrastructureError(`run ${record.run} does not end: kill ${record.pid}`);
    await pause();
  }
  process.stdout.write(options.json ? `${JSON.stringify({ ok: true, run: record.run })}\n` : `run ${record.run} has ended\n`);
  return EXIT.ok;
}
