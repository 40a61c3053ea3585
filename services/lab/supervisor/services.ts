import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { compileCache } from "./compile-cache.ts";
import type { Part } from "./parts.ts";
import type { RunFolder } from "./run-folder.ts";

export interface Service extends Part {
  child: ChildProcess;
  stderr: string;
}
export interface Ended {
  name: string;
  how: string;
}
export interface ServiceOptions {
  switches: readonly string[];
  /** Port of this service's admin routes on 127.0.0.1; none without. */
  adminPort?: number;
  /** Level of the service's log; without it only what says why it ends. */
  logLevel?: string;
  /** Where what it says goes: to `<name>.log` in the run's folder, or to this process' standard error. */
  log?: "file" | "stderr";
  /** A file with the rules that are armed from the start. */
  rules?: string;
}

/** gRPC makes much short-lived garbage: with room for it scavenges are rare, and rarer still on the path of a fault. */
export const NODE_FLAGS = ["--max-semi-space-size=32"];
/** What is kept of a service's words for the sentence that says why it ended. */
const STDERR_KEPT = 4000;

/**
 * Starts one service. Its standard input is the supervisor's pipe: when that closes, the service ends, so that even `kill -9` of the supervisor leaves no process.
 * A session of its own keeps the terminal's Ctrl-C away from it: the supervisor ends it.
 */
export function startService(run: RunFolder, part: Part, { switches, adminPort, logLevel, log, rules = "" }: ServiceOptions): Service {
  const main = fileURLToPath(new URL(`../../${part.kind}/shell/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [...NODE_FLAGS, main], {
    stdio: ["pipe", "ignore", "pipe"],
    detached: true,
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: compileCache(),
      FAULTLINE_RUN_DIR: run.dir,
      FAULTLINE_MEMORY: run.memory,
      FAULTLINE_MACHINE: "",
      FAULTLINE_MACHINE_JSON: `${run.dir}/machine.json`,
      FAULTLINE_VM: String(part.vm),
      FAULTLINE_SWITCHES: switches.join(","),
      FAULTLINE_RULES: rules,
      FAULTLINE_ADMIN: adminPort === undefined ? "" : `127.0.0.1:${adminPort}`,
      ...(logLevel ? { FAULTLINE_LOG_LEVEL: logLevel } : {}),
    },
  });
  const service: Service = { ...part, child, stderr: "" };
  const file = log === "file" ? createWriteStream(`${run.dir}/${part.name}.log`, { flags: "a" }) : null;
  file?.on("error", () => {}); // the folder is gone: the run is over
  child.stdin!.on("error", () => {}); // the service is gone: its exit says so
  child.stderr!.setEncoding("utf8").on("data", (chunk: string) => {
    service.stderr = (service.stderr + chunk).slice(-STDERR_KEPT);
    file?.write(chunk);
    if (log === "stderr") process.stderr.write(chunk);
  });
  return service;
}

/** Time in which every part of a machine answers. Functions are opened one after the other, each with a reset of 100 ms (PCIe 6.6.2); twice what that takes on a busy machine. */
export const readyMs = ({ endpoints }: Machine): number => 20_000 + 500 * endpoints.length;

export const alive = ({ child }: Service): boolean => child.exitCode === null && child.signalCode === null;

/** Resolves when the service is gone. */
export const ended = (service: Service): Promise<Ended> =>
  new Promise((resolve) => {
    const { name, child } = service;
    const how = (code: number | null, signal: string | null) => ({ name, how: signal ? `killed by ${signal}` : `exit code ${code}` });
    if (!alive(service)) return resolve(how(child.exitCode, child.signalCode));
    child.once("exit", (code, signal) => resolve(how(code, signal)));
  });

/** Closes the pipe of every service; who does not end in time is killed. */
export async function stopServices(services: readonly Service[], graceMs: number): Promise<void> {
  const gone = Promise.all(services.map(ended));
  for (const { child } of services) child.stdin!.end();
  const late = setTimeout(() => services.forEach(kill), graceMs);
  await gone;
  clearTimeout(late);
}

function kill(service: Service): void {
  if (alive(service)) service.child.kill("SIGKILL");
}
