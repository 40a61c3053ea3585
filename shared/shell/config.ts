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
  /** JSON file with the rules armed from the start; "" for none. */
  rules: string;
  logLevel: string;
}

/** A value that a service was started with and cannot use: one line for people, exit code 2. */
export class ConfigError extends Error {}

const below: Record<ServiceKind, (vm: number) => string> = { smmu: () => "", host: () => "smmu", vmm: () => "host", guest: (vm) => `vmm${vm}` };

/**
 * --run-dir DIR, --machine FILE (a validated Machine as JSON), --listen, --lower, --memory PATH, --vm N, --switches A,B, --rules FILE, --log-level;
 * or FAULTLINE_RUN_DIR, FAULTLINE_MACHINE_JSON and so on. Throws `ConfigError`.
 */
export function serviceConfig(kind: ServiceKind, argv: readonly string[], env: Readonly<Record<string, string | undefined>>): ServiceConfig {
  const text = (flag: string, fallback: string): string => flags[flag] ?? env[environmentName(flag)] ?? fallback;
  const flags = parseFlags(argv);
  const machine = readMachine(text("machine", ""));
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
    rules: text("rules", ""),
    logLevel: text("log-level", "warn"),
  };
  for (const field of ["listen", "memory", ...(kind === "smmu" ? [] : (["lower"] as const))] as const) {
    if (!config[field]) throw new ConfigError(`--${field} is missing (or ${environmentName(field)})`);
  }
  return config;
}

const environmentName = (flag: string): string => (flag === "machine" ? "FAULTLINE_MACHINE_JSON" : `FAULTLINE_${flag.toUpperCase().replaceAll("-", "_")}`);

function parseFlags(argv: readonly string[]): Record<string, string | undefined> {
  const option = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...argv],
      options: { "run-dir": option, machine: option, listen: option, lower: option, memory: option, vm: option, switches: option, rules: option, "log-level": option },
    }).values;
  } catch (error) {
    throw new ConfigError((error as Error).message);
  }
}

function readMachine(file: string): Machine {
  if (!file) return defaultMachine;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Machine;
  } catch (error) {
    throw new ConfigError(`--machine ${file}: ${(error as Error).message}`);
  }
}

/** What hello compares: services of different machines do not talk. Keys in any order give one digest. */
export function machineDigest(machine: Machine): string {
  const sorted = (_: string, value: unknown): unknown =>
    value !== null && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
  return createHash("sha256").update(JSON.stringify(machine, sorted)).digest("hex");
}
