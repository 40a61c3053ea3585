import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { RunningMachine } from "../supervisor/running-machine.ts";

export interface StartOptions {
  seed: number;
  switches: string[];
  /** What the history holds: everything, or what a page fault's way needs. */
  trace: "all" | "fault-path";
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
