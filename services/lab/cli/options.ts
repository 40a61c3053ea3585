import { fileURLToPath } from "node:url";
import type { Workload } from "@faultline/shared/linux/workload.ts";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { parseBdf, parseSize } from "@faultline/shared/machine/units.ts";
import { withRam } from "@faultline/shared/machine/with-ram.ts";
import { LOG_LEVELS } from "@faultline/shared/shell/config.ts";
import { loadMachine } from "@faultline/shared/shell/machine-file.ts";
import { inputError } from "./errors.ts";

const operations = ["copy", "crc32c", "sha256", "gzip"] as const satisfies readonly Workload["operation"][];
const defaultMachineFile = fileURLToPath(new URL("../machines/default.yaml", import.meta.url));

/** VMs that a machine may have; whether one that runs has the VM asked for, it says itself. */
export const MAX_VM = 255;

export function operationOption(text: string): Workload["operation"] {
  const operation = operations.find((name) => name === text);
  if (!operation) throw inputError(`--op ${text} is no operation: ${operations.join(", ")}`, "op");
  return operation;
}

/** A whole number in [from, to], named by its flag when it is none. */
export function numberOption(flag: string, text: string, from: number, to: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= from && value <= to)) throw inputError(`--${flag} ${text} is no whole number from ${from} to ${to}`, flag);
  return value;
}

/** An identifier of the hardware, as a number: in decimal, as 0x.., and of a function (`sid`, `bdf`) as its BDF, which is its StreamID. */
export function identifierOption(flag: "sid" | "ssid" | "bdf" | "iova", text: string): bigint {
  const bdf = flag === "sid" || flag === "bdf" ? parseBdf(text.toLowerCase()) : null;
  if (bdf !== null) return BigInt(bdf);
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text))
    throw inputError(`--${flag} ${text} is no number (decimal or 0x..)${flag === "sid" || flag === "bdf" ? " and no BDF like 00:01.0" : ""}`, flag);
  return BigInt(text);
}

/** What virtio-iommu says on the wire: as posted, or as the reviewers asked. */
const ABIS = ["review", "rfc-v1"] as const satisfies readonly Machine["abi"][];

/** The machine as the file has it where `--abi` says nothing. */
export function abiOption(machine: Machine, text: string | undefined): Machine {
  if (text === undefined) return machine;
  const abi = ABIS.find((name) => name === text);
  if (!abi) throw inputError(`--abi ${text} is none of ${ABIS.join(", ")}`, "abi");
  return { ...machine, abi };
}

/** Flags before environment before file: `--machine` or FAULTLINE_MACHINE, then `--abi` and `--ram`. */
export function machineOption(options: { machine?: string; ram?: string; abi?: string }): Machine {
  const machine = abiOption(loadMachine(options.machine ?? process.env.FAULTLINE_MACHINE ?? defaultMachineFile), options.abi);
  if (options.ram === undefined) return machine;
  const ram = parseSize(options.ram);
  if (ram === null || ram % 4096 || ram < 2 ** 20 || ram > 2 ** 32) throw inputError(`--ram ${options.ram} is no size from 1MiB to 4GiB (like 64MiB)`, "ram");
  return withRam(machine, ram);
}

/** Level of the logs of services that this command starts as processes: nobody else has any for it. */
export function logLevelOption(text: string | undefined, ofProcesses = true): string | undefined {
  if (text === undefined) return undefined;
  if (!LOG_LEVELS.includes(text)) throw inputError(`--log-level ${text} is none of ${LOG_LEVELS.join(", ")}`, "log-level");
  if (!ofProcesses)
    throw inputError("--log-level is for services that this command starts as processes: --mode processes; up --log-level for those of a run", "log-level");
  return text;
}
