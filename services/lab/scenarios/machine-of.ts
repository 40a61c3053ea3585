import type { Machine } from "@faultline/shared/machine/machine.ts";
import { MachineFileError, parseMachine } from "@faultline/shared/machine/parse-machine.ts";
import { stringify } from "yaml";
import type { Refuse, ScenarioFile } from "./scenario-file.ts";

/** What a machine file says, as it is written. */
export type MachineSections = Readonly<Record<string, unknown>>;

/** The machine of a scenario: what its file says, over what the machine file of `--machine` says, over the default machine. */
export function machineOf({ machine, abi }: Pick<ScenarioFile, "machine" | "abi">, base: MachineSections, name: string, refuse: Refuse): Machine {
  const own: MachineSections = { ...machine, ...(abi ? { abi } : {}) };
  try {
    return parseMachine(stringify(over(base, own), { aliasDuplicateObjects: false }), `${name} machine`);
  } catch (error) {
    if (!(error instanceof MachineFileError)) throw error;
    throw refuse(machine ? ["machine", ...error.path] : ["abi"], error.reason, error.reason.startsWith("is not a field") ? "key" : undefined);
  }
}

/** Mappings field by field; a list or a value replaces the other. */
const over = (base: MachineSections, own: MachineSections): MachineSections => ({
  ...base,
  ...Object.fromEntries(Object.entries(own).map(([name, value]) => [name, isMapping(value) && isMapping(base[name]) ? over(base[name], value) : value])),
});
const isMapping = (value: unknown): value is MachineSections => typeof value === "object" && value !== null && !Array.isArray(value);
