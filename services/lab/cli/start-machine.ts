import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { RunningMachine } from "../supervisor/running-machine.ts";
import type { TraceSelection } from "../supervisor/running-processes.ts";

export interface StartOptions {
  seed: number;
  switches: string[];
  /** What the history holds: less than everything costs the services less. */
  trace: TraceSelection;
}

/** Boots a machine the way that was asked for; only what that way needs is loaded. */
export async function startMachine(mode: "sim" | "processes", machine: Machine, { seed, switches, trace }: StartOptions): Promise<RunningMachine> {
  if (mode === "sim") {
    const { startSimulation } = await import("../simulation/running-simulation.ts");
    return startSimulation(machine, { seed, switches: new Set(switches) });
  }
  const { startProcesses } = await import("../supervisor/running-processes.ts");
  return startProcesses(machine, { switches, trace });
}
