import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { defaultMachine, type Machine } from "../machine/machine.ts";

export type ServiceKind = "smmu" | "host" | "vmm" | "guest";

/** What a service is started with. Flags win over the environment, which wins over the run directory's names (interfaces.md, section 2). */
export interface ServiceConfig {
  kind: ServiceKind;
  /** smmu, host, vmm0, guest0. */
  name: string;
  vm: number;
  /** gRPC addresses: where it serves, and the lower layer that it dials ("" for smmu). */
  listen: string;
  lower: string;
  memory: string;
  machine: Machine;
  switches: ReadonlySet<string>;
  /** HOST:PORT of the admin routes; "" for none. */
  admin: string;
  /** JSON file with the rules armed from the start; "" for none. */
  rules: string;
  logLevel: string;
}

/** Pino's. */
export const LOG_LEVELS: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** A value that a service was started with and cannot use: one line for people, exit code 2. */
export class ConfigError extends Error {}

const below: Record<ServiceKind, (vm: number) => string> = { smmu: () => "", host: () => "smmu", vmm: () => "host", guest: (vm) => `vmm${vm}` };

/**
 * --run-dir DIR, --machine FILE (a machine file), --machine-json FILE (a machine that a supervisor has validated), --listen, --lower, --memory PATH, --vm N,
 * --switches A,B, --rules FILE, --admin HOST:PORT, --log-level; or FAULTLINE_RUN_DIR, FAULTLINE_MACHINE and so on. Rejects with `ConfigError`.
 */
export async function serviceConfig(kind: ServiceKind, argv: readonly string[], env: Readonly<Record<string, string | undefined>>): Promise<ServiceConfig> {
  const text = (flag: string, fallback: string): string => flags[flag] ?? env[environmentName(flag)] ?? fallback;
  const flags = parseFlags(argv);
  const machine = await readMachine(text("machine", ""), text("machine-json", ""));
  const vm = Number(text("vm", "0"));
  if (!Number.isInteger(vm) || vm < 0 || vm >= machine.vms.length) throw new ConfigError(`--vm ${text("vm", "0")}: the machine has VMs 0 to ${machine.vms.length - 1}`);
  const name = kind === "smmu" || kind === "host" ? kind : `${kind}${vm}`;
  const runDirectory = text("run-dir", "");
  const socket = (service: string): string => (runDirectory && service ? `unix:${join(runDirectory, `${service}.sock`)}` : "");
  const config = {
    kind,
    name,
    vm,
    machine,
    listen: text("listen", socket(name)),
    lower: text("lower", socket(below[kind](vm))),
    memory: text("memory", ""),
    switches: new Set(text("switches", "").split(",").filter(Boolean)),
    admin: text("admin", ""),
    rules: text("rules", ""),
    logLevel: text("log-level", "warn"),
  };
  if (!LOG_LEVELS.includes(config.logLevel)) throw new ConfigError(`--log-level ${config.logLevel} is none of ${LOG_LEVELS.join(", ")}`);
  for (const field of ["listen", "memory", ...(kind === "smmu" ? [] : (["lower"] as const))] as const) {
    if (!config[field]) throw new ConfigError(`--${field} is missing (or ${environmentName(field)})`);
  }
  return config;
}

const environmentName = (flag: string): string => `FAULTLINE_${flag.toUpperCase().replaceAll("-", "_")}`;
const flagNames = ["run-dir", "machine", "machine-json", "listen", "lower", "memory", "vm", "switches", "rules", "admin", "log-level"] as const;

function parseFlags(argv: readonly string[]): Record<string, string | undefined> {
  try {
    return parseArgs({ args: [...argv], options: Object.fromEntries(flagNames.map((flag) => [flag, { type: "string" } as const])) }).values;
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}

async function readMachine(file: string, json: string): Promise<Machine> {
  if (file) {
    // The schema validator is loaded only here: a supervisor hands over what it has validated.
    const [{ loadMachine }, { MachineFileError }] = await Promise.all([import("./machine-file.ts"), import("../machine/parse-machine.ts")]);
    try {
      return loadMachine(file);
    } catch (error) {
      throw error instanceof MachineFileError ? new ConfigError(`--machine: ${error.message}`) : error;
    }
  }
  if (!json) return defaultMachine;
  try {
    return JSON.parse(readFileSync(json, "utf8")) as Machine;
  } catch (error) {
    throw new ConfigError(`--machine-json ${json}: ${(error as Error).message}`);
  }
}

/** What hello compares: services of different machines do not talk. Keys in any order give one digest. */
export function machineDigest(machine: Machine): string {
  const sorted = (_: string, value: unknown): unknown =>
    value !== null && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
  return createHash("sha256").update(JSON.stringify(machine, sorted)).digest("hex");
}
