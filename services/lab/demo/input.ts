import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { Machine } from "@faultline/shared/machine/machine.ts";
import { formatSize } from "@faultline/shared/machine/units.ts";
import { inputError } from "../cli/errors.ts";
import type { InputFile } from "../supervisor/running-machine.ts";

/** A file of the repository that spans many pages. */
export const defaultFile = fileURLToPath(new URL("../../../package-lock.json", import.meta.url));

/** Guest RAM for page tables, rings and the result besides the file. */
const GUEST_RESERVE = 2 * 2 ** 20;
const MIB = 2 ** 20;

/** The file that the guest's process maps. Input errors: not readable, not a file, empty, larger than guest RAM can hold. */
export function readInput(path: string, machine: Machine, vm = 0): InputFile {
  const size = sizeOf(path);
  if (size === 0) throw inputError(`--file ${path} is empty`, "file");
  const { name, ram } = machine.vms[vm];
  const needed = size + GUEST_RESERVE;
  if (needed > ram) {
    throw inputError(
      `--file ${path} has ${size} bytes, more than the ${formatSize(ram)} of ${name} can hold: give it room with --ram ${Math.ceil(needed / MIB / 2) * 2}MiB`,
      "file",
    );
  }
  return { name: basename(path), bytes: readFileSync(path) };
}

function sizeOf(path: string): number {
  try {
    const stat = statSync(path);
    if (stat.isFile()) return stat.size;
  } catch {
    throw inputError(`--file ${path} cannot be read`, "file");
  }
  throw inputError(`--file ${path} is not a file`, "file");
}
