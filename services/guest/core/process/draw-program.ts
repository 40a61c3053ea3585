import type { Program, ProgramOperation } from "@faultline/shared/linux/workload.ts";
import { SeededRandom } from "./seeded-random.ts";

const PAGE = 4096;
/** From the doorbell to what happens under the device's hands: from before its first fault to far into a job of many pages. */
const MAX_DELAY_NS = 150_000;

/** One job as drawn. */
export interface DrawnJob {
  operation: ProgramOperation;
  /** Of the source, from its first byte on; not 0. */
  length: number;
  pattern: bigint;
  /** compare: offset of the byte that differs; null: none does. */
  differsAt: number | null;
  /** The destination is unmapped so long after the doorbell; null: the process waits for the job. */
  unmapAfterNs: number | null;
}

/** One process as drawn. `ending`: how it ends; `after`: how long after the doorbell of one more copy, for which it does not wait. */
export interface DrawnProcess {
  number: number;
  source: Uint8Array;
  jobs: DrawnJob[];
  ending: { how: "orderly" } | { how: "unbind" | "exit"; afterNs: number };
}

/** What is wrong with a program; null: it can run. */
export function programRefused(program: Program): string | null {
  const share = (name: "munmap" | "unbind" | "exit") => (program[name] >= 0 && program[name] <= 1 ? null : `program.${name} is no share from 0 to 1`);
  const count = (name: "processes" | "pages" | "jobs", from: number, to: number) =>
    Number.isInteger(program[name]) && program[name] >= from && program[name] <= to ? null : `program.${name} is no whole number from ${from} to ${to}`;
  const weights = Object.values(program.mix);
  const mix = weights.length > 0 && weights.every((weight) => weight >= 0) && weights.some((weight) => weight > 0) ? null : "program.mix names no operation";
  const both = program.unbind + program.exit <= 1 ? null : "program.unbind and program.exit are together more than 1";
  return count("processes", 1, 1024) ?? count("pages", 1, 256) ?? count("jobs", 0, 10_000) ?? mix ?? share("munmap") ?? share("unbind") ?? share("exit") ?? both;
}

/** Everything that a program leaves to chance, drawn from its seed: process by process, so that more jobs of one do not change another. */
export function drawProcess(program: Program, number: number): DrawnProcess {
  const fate = new SeededRandom(program.seed, 3 * number);
  const data = new SeededRandom(program.seed, 3 * number + 1);
  const work = new SeededRandom(program.seed, 3 * number + 2);
  const way = fate.uint32() / 2 ** 32;
  const how = way < program.unbind ? "unbind" : way < program.unbind + program.exit ? "exit" : "orderly";
  return {
    number,
    source: data.bytes(program.pages * PAGE),
    jobs: Array.from({ length: program.jobs }, () => drawJob(program, work)),
    ending: how === "orderly" ? { how } : { how, afterNs: fate.below(MAX_DELAY_NS) },
  };
}

function drawJob(program: Program, random: SeededRandom): DrawnJob {
  const length = 1 + random.below(program.pages * PAGE);
  const differs = random.chance(0.5);
  return {
    operation: weighted(program.mix, random),
    length,
    pattern: (BigInt(random.uint32()) << 32n) | BigInt(random.uint32()),
    differsAt: differs ? random.below(length) : null,
    unmapAfterNs: random.chance(program.munmap) ? random.below(MAX_DELAY_NS) : null,
  };
}

function weighted(mix: Program["mix"], random: SeededRandom): ProgramOperation {
  const entries = Object.entries(mix) as [ProgramOperation, number][];
  let at = (random.uint32() / 2 ** 32) * entries.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [operation, weight] of entries) {
    if (at < weight) return operation;
    at -= weight;
  }
  return entries[entries.length - 1][0];
}
