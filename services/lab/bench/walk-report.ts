import { cpus } from "node:os";
import { measureWalk, type WalkBench } from "./walk.ts";

/** `faultline bench walk`: the SMMU's walks, hits and commands, in this process. */
export function reportWalk(rounds: number, json: boolean): number {
  const result = measureWalk(rounds);
  const [cpu] = cpus();
  const report = { schema: "faultline-bench/1", machine: { cpus: cpus().length, model: cpu.model, node: process.version }, rounds, ...result };
  process.stdout.write(`${json ? JSON.stringify(report) : text(result, rounds)}\n`);
  return 0;
}

const text = ({ ns, min, ratio, scaling }: WalkBench, rounds: number): string => {
  const figure = (name: string, key: keyof typeof ns, of: number | null = null) => row(name, ns[key], min[key], of);
  return [
    `SMMU, ${rounds} rounds, ns              median         min   of floor`,
    figure("nested walk, full checks", "nestedWalk", ratio.nestedWalk),
    figure("nested walk, bare", "bareNestedWalk", ratio.bareNestedWalk),
    figure("  floor: the same in C -O2", "cWalk"),
    figure("memory-cold: full checks", "nestedWalkMemoryCold", ratio.nestedWalkMemoryCold),
    figure("memory-cold: bare", "bareNestedWalkMemoryCold", ratio.bareNestedWalkMemoryCold),
    figure("  floor: the same in C -O2", "cWalkMemoryCold"),
    figure("stage 1 walk, full checks", "stage1Walk"),
    figure("TLB hit", "tlbHit", ratio.tlbHit),
    figure("  floor: typed-array lookup", "lookup"),
    figure("transaction, all hits", "transaction"),
    figure("configuration hit", "configHit"),
    figure("command", "command"),
    figure("1 MiB of DMA, all hits", "dma1MiB"),
    "whole transactions over",
    ...scaling.flatMap(({ pasids, nestedWalk, tlbHit }) => [row(`  ${pasids} PASIDs: nested walk`, nestedWalk), row(`  ${pasids} PASIDs: TLB hit`, tlbHit)]),
  ].join("\n");
};

const row = (name: string, median: number | null, min: number | null = null, ratio: number | null = null): string =>
  `${name.padEnd(28)}${median === null ? "none".padStart(12) : median.toFixed(1).padStart(12)}${min === null ? "" : min.toFixed(1).padStart(12)}${ratio === null ? "" : ratio.toFixed(2).padStart(11)}`;
