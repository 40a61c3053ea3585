import type { Machine } from "@faultline/shared/machine/machine.ts";
import type { RunningMachine } from "../supervisor/running-machine.ts";
import { SimulatedMachine, type SimulationOptions } from "./machine.ts";

/** Virtual time after which a workload that still has timers to wait for is given up. */
const WORKLOAD_LIMIT_NS = 600e9;
/** Virtual time for what is still under way when a workload has ended. */
const SETTLE_NS = 5e9;

/** Boots a simulated machine. */
export async function startSimulation(machine: Machine, options: SimulationOptions): Promise<RunningMachine> {
  const simulation = new SimulatedMachine(machine, options);
  simulation.lab.emit("lab.run-start", {}, { mode: "sim", seed: options.seed, switches: [...options.switches] });
  await simulation.boot();
  return {
    arm: async (rules) => simulation.arm(rules),
    async runWorkload(files, workload) {
      simulation.lab.emit(
        "lab.workload-start",
        {},
        { operation: workload.operation, file: workload.file, bytes: files[0]?.bytes.length ?? 0, pagesPerGroup: workload.pagesPerGroup },
      );
      const end = await simulation.runWorkload(files, workload, { limitNs: WORKLOAD_LIMIT_NS });
      if (end.ended) {
        simulation.lab.emit("lab.workload-end", {}, { ok: end.value.ok, error: end.value.error, jobs: end.value.jobs });
        return { ended: true, result: end.value };
      }
      const reason = end.reason === "idle" ? "nothing is runnable any more" : `not done after ${WORKLOAD_LIMIT_NS / 1e9} s of virtual time`;
      simulation.lab.emit("lab.deadlock", {}, { reason });
      return { ended: false, reason };
    },
    async history() {
      await simulation.settle(SETTLE_NS);
      return simulation.history;
    },
    close: async () => {},
  };
}
