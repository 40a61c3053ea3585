import { cpus } from "node:os";
import { type Figures, measureStart, type StartResult } from "./start.ts";

/** `faultline bench start`: prints the figures. */
export async function reportStart(rounds: number, json: boolean): Promise<number> {
  const result = await measureStart(rounds, (done) => void process.stderr.write(`round ${done} of ${rounds}\n`));
  const [cpu] = cpus();
  const report = { schema: "faultline-bench/1", machine: { cpus: cpus().length, model: cpu.model, node: process.version }, rounds, ...result };
  process.stdout.write(`${json ? JSON.stringify(report) : text(result, rounds)}\n`);
  return 0;
}

const text = ({ readyMs, memoryMiB, ratio }: StartResult, rounds: number): string => {
  const line = (name: keyof StartResult["ratio"]["ready"], floor: keyof Figures): string =>
    `${name.padEnd(10)}${readyMs[name].toFixed(0).padStart(10)} ms  x ${ratio.ready[name].toFixed(2)} of ${readyMs[floor].toFixed(0)} ms${memoryMiB[name].toFixed(0).padStart(10)} MiB  x ${ratio.memory[name].toFixed(2)} of ${memoryMiB[floor].toFixed(0)} MiB`;
  return [
    `time to ready and memory, medians of ${rounds} rounds, against bare Node processes that load grpc-js, fastify and pino`,
    ...(["smmu", "host", "vmm", "guest"] as const).map((name) => line(name, "bareOne")),
    line("together", "bareFour"),
  ].join("\n");
};
