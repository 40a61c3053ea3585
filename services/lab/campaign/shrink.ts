import { parse, stringify } from "yaml";
import { Failure } from "../cli/errors.ts";
import { parseScenario } from "../scenarios/load-scenario.ts";
import type { ScenarioFile } from "../scenarios/scenario-file.ts";
import { judgedRun } from "./judged-run.ts";

/** A smaller scenario with which the same checker still names something. */
export interface Shrunk {
  text: string;
  /** What was taken away, in the order in which it went: "fault-1", "workload.pages 64 -> 8". */
  without: string[];
  /** Experiments that it took. */
  runs: number;
}

type Step = { what: string; apply(file: ScenarioFile): void };
type Numbers = Record<string, number | undefined>;

/** Least values of what a workload counts. */
const SIZES: Readonly<Record<string, number>> = { processes: 1, pages: 1, jobs: 1, endpoints: 1, queues: 1, pagesPerGroup: 1 };
const PROBABILITIES = ["munmap", "unbind", "exit"] as const;
const PAGE = 4096;

/**
 * Takes from a scenario what a violation does not need (design.md, section 4): faults, switches of its own, sections of its machine, and of the workload until it is as small as it gets, each kept
 * away only if a run with the same seed is still named by `invariant`. Deterministic: what is left depends on text, seed and switches alone. null: the scenario as it is does not violate it.
 */
export async function shrink(text: string, seed: number, switches: readonly string[], invariant: string): Promise<Shrunk | null> {
  let runs = 0;
  const violates = async (candidate: string): Promise<boolean> => {
    const scenario = parsed(candidate);
    if (!scenario) return false;
    runs++;
    const { judgement } = await judgedRun(scenario, seed, [...scenario.mutants, ...scenario.defects, ...switches]);
    return judgement.violations.some((violation) => violation.invariant === invariant);
  };
  // A fault draws by its id: one that moves up keeps it.
  let file = named(parse(text) as ScenarioFile);
  if (!(await violates(stringify(file)))) return null;
  const without: string[] = [];
  for (let progress = true; progress; ) {
    progress = false;
    for (let steps = stepsOf(file), i = 0; i < steps.length; ) {
      const smaller = structuredClone(file);
      steps[i].apply(smaller);
      if (await violates(stringify(smaller))) {
        without.push(steps[i].what);
        file = smaller;
        progress = true;
        steps = stepsOf(file); // what stood behind it may have moved up; those before it were tried
      } else i++;
    }
  }
  return { text: stringify(file), without, runs };
}

const named = (file: ScenarioFile): ScenarioFile => ({ ...file, faults: file.faults.map((fault, i) => ({ id: `fault-${i}`, ...fault })) });

/** What one step can take away; a step that leaves no valid scenario is refused by its file's rules. */
function stepsOf(file: ScenarioFile): Step[] {
  const steps: Step[] = file.faults.map((_, i) => ({ what: file.faults[i].id!, apply: (of) => void of.faults.splice(i, 1) }));
  for (const field of ["defects", "mutants"] as const)
    for (const [i, id] of (file[field] ?? []).entries()) steps.push({ what: `${field}.${id}`, apply: (of) => void of[field]?.splice(i, 1) });
  for (const section of Object.keys(file.machine ?? {}))
    steps.push({ what: `machine.${section}`, apply: (of) => void delete (of.machine as Record<string, unknown>)[section] });
  for (const field of ["heal_at", "liveness_within", "abi"] as const) if (file[field] !== undefined) steps.push({ what: field, apply: (of) => forget(of, field) });
  const workload = file.workload as unknown as Numbers & { file?: { bytes: number } };
  for (const [field, least] of Object.entries(SIZES))
    steps.push(...halvings(`workload.${field}`, workload[field], least, (of, value) => void ((of.workload as unknown as Numbers)[field] = value)));
  if (workload.file)
    steps.push(...halvings("workload.file.bytes", workload.file.bytes, PAGE, (of, value) => void ((of.workload as unknown as typeof workload).file!.bytes = value)));
  for (const field of PROBABILITIES)
    if ((workload[field] ?? 0) > 0) steps.push({ what: `workload.${field}`, apply: (of) => void delete (of.workload as unknown as Numbers)[field] });
  return steps;
}

/** `after` goes with the heal that it needs. */
function forget(file: ScenarioFile, field: "heal_at" | "liveness_within" | "abi"): void {
  delete file[field];
  if (!file.heal_at && !file.liveness_within) delete file.expect.after;
}

/** To the least at once, else by half. */
function halvings(what: string, value: number | undefined, least: number, set: (file: ScenarioFile, value: number) => void): Step[] {
  if (value === undefined || value <= least) return [];
  const half = Math.max(least, Math.floor(value / 2));
  return [...new Set([least, half])].map((to) => ({ what: `${what} ${value} -> ${to}`, apply: (of) => set(of, to) }));
}

function parsed(text: string): ReturnType<typeof parseScenario> | null {
  try {
    return parseScenario(text, "shrunk");
  } catch (error) {
    if (error instanceof Failure && error.kind === "input") return null;
    throw error;
  }
}
