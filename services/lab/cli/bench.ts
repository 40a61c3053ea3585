import { cpus } from "node:os";
import { benchMachine, type FaultPathResult, IN_FLIGHT, measureFaultPath } from "../bench/fault-path.ts";
import { startFloor } from "../bench/floor.ts";
import type { RunningMachine } from "../supervisor/running-machine.ts";
import { inputError } from "./errors.ts";
import { machineOption, numberOption } from "./options.ts";
import { startMachine } from "./start-machine.ts";

export interface BenchOptions {
  rounds: string;
  json?: boolean;
}

const benchmarks: readonly string[] = ["fault-path", "start", "walk", "ats", "sim"];

/** `faultline bench fault-path`: the page fault's round trip against a bare relay of six messages. */
export async function benchCommand(name: string, options: BenchOptions): Promise<number> {
  if (!benchmarks.includes(name)) throw inputError(`no benchmark ${name}: ${benchmarks.join(", ")}`, "name");
  const rounds = numberOption("rounds", options.rounds, 1, 1000);
  if (name === "walk") return (await import("../bench/walk-report.ts")).reportWalk(rounds, options.json ?? false);
  if (name === "ats") return (await import("../bench/ats-report.ts")).reportAts(rounds, options.json ?? false);
  if (name === "start") return (await import("../bench/start-report.ts")).reportStart(rounds, options.json ?? false);
  if (name === "sim") return (await import("../bench/sim-report.ts")).reportSim(rounds, options.json ?? false);
  const machine = machineOption({});
  const floor = await startFloor();
  const product = new Map<number, RunningMachine>();
  try {
    for (const inFlight of IN_FLIGHT)
      product.set(inFlight, await startMachine("processes", benchMachine(machine, inFlight), { seed: 1, switches: [], trace: "round-trips" }));
    const result = await measureFaultPath(floor, product, rounds);
    const [cpu] = cpus();
    const report = { schema: "faultline-bench/1", machine: { cpus: cpus().length, model: cpu.model, node: process.version }, rounds, ...result };
    process.stdout.write(`${options.json ? JSON.stringify(report) : text(result, rounds)}\n`);
    return 0;
  } finally {
    floor.close();
    for (const running of product.values()) await running.close();
  }
}

const text = ({ floor, product, ratio }: FaultPathResult, rounds: number): string =>
  [
    `fault path, medians of ${rounds} rounds     floor    product   ratio`,
    row("round trip p50, us", floor.p50, product.p50, ratio.p50),
    row("round trip p99, us", floor.p99, product.p99, ratio.p99),
    row("per second, 16 in flight", floor.perSecond16, product.perSecond16, ratio.throughput16),
    row("per second, 64 in flight", floor.perSecond64, product.perSecond64, ratio.throughput64),
  ].join("\n");

const row = (name: string, floor: number, product: number, ratio: number): string =>
  `${name.padEnd(28)}${floor.toFixed(1).padStart(12)}${product.toFixed(1).padStart(11)}${ratio.toFixed(2).padStart(8)}`;
