import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { Addresses } from "../connection/addresses.ts";
import type { TraceSelection } from "../connection/attach.ts";
import type { RunningMachine } from "../supervisor/running-machine.ts";

export const modes = ["sim", "processes", "containers"] as const;
export type Mode = (typeof modes)[number];

export interface StartOptions {
  seed: number;
  switches: string[];
  /** What the history holds: less than everything costs the services less. */
  trace: TraceSelection;
  /** Whose guest runs the workload. */
  vm?: number;
  /** In the simulation: messages pass through the codec of their edge. */
  encode?: boolean;
  /** Between processes: of the services' logs, which go to standard error. */
  logLevel?: string;
}

/** Boots a machine the way that was asked for; only what that way needs is loaded. */
export async function startMachine(mode: Mode, machine: Machine, { seed, switches, trace, vm, encode, logLevel }: StartOptions): Promise<RunningMachine> {
  if (mode === "sim") {
    const { startSimulation } = await import("../simulation/running-simulation.ts");
    return startSimulation(machine, { seed, switches: new Set(switches), vm, encode });
  }
  if (mode === "containers") {
    const { startContainers } = await import("../supervisor/running-containers.ts");
    return startContainers(machine, { switches, trace, vm, seed });
  }
  const { startProcesses } = await import("../supervisor/running-processes.ts");
  return startProcesses(machine, { switches, trace, vm, seed, ...(logLevel ? { logLevel, log: "stderr" } : {}) });
}

/** A machine that runs already, or one of its own: `own` is asked only for the latter. */
export async function connectOrStart(
  connect: Addresses | null,
  mode: Mode,
  own: () => Machine,
  options: StartOptions,
): Promise<{ machine: Machine; running: RunningMachine }> {
  if (connect) {
    const { connectMachine } = await import("../connection/connected-machine.ts");
    return connectMachine(connect, options.vm ?? 0, options.trace, options.seed);
  }
  const machine = own();
  return { machine, running: await startMachine(mode, machine, options) };
}
