import { readFileSync } from "node:fs";
import type { Machine } from "../machine/machine.ts";
import { MachineFileError, parseMachine } from "../machine/parse-machine.ts";

/** Reads a machine file (interfaces.md, section 3). A `MachineFileError` names file, line and field. */
export function loadMachine(path: string): Machine {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new MachineFileError("machine file", [], `${path} cannot be read`);
  }
  return parseMachine(text, path);
}
