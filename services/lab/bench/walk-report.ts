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

const text = ({ ns, ratio, scaling }: WalkBench, rounds: number): string =>
  [
    `SMMU, medians of ${rounds} rounds         ns   of floor`,
    row("nested walk, full checks", ns.nestedWalk, ratio.nestedWalk),
    row("nested walk, bare", ns.bareNestedWalk, ratio.bareNestedWalk),
    row("  floor: the same in C -O2", ns.cWalk),
    row("stage 1 walk, full checks", ns.stage1Walk),
    row("TLB hit", ns.tlbHit, ratio.tlbHit),
    row("  floor: typed-array lookup", ns.lookup),
    row("configuration hit", ns.configHit),
    row("command", ns.command),
    row("1 MiB of DMA, all hits", ns.dma1MiB),
    ...scaling.flatMap(({ pasids, nestedWalk, tlbHit }) => [row(`${pasids} PASIDs: nested walk`, nestedWalk), row(`${pasids} PASIDs: TLB hit`, tlbHit)]),
  ].join("\n");

const row = (name: string, ns: number | null, ratio: number | null = null): string =>
  `${name.padEnd(28)}${ns === null ? "none".padStart(12) : ns.toFixed(1).padStart(12)}${ratio === null ? "" : ratio.toFixed(2).padStart(10)}`;
