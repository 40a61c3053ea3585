import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { InfrastructureError } from "@faultline/shared/shell/infrastructure-error.ts";
import { isUnmet } from "../assertions/assertion.ts";
import { type CampaignResult, campaign, type Entry, type EntryResult } from "../campaign/campaign.ts";
import { startCrew } from "../campaign/crew.ts";
import { shrink } from "../campaign/shrink.ts";
import { durationText } from "../report/markup.ts";
import { writeRun } from "../report/run-directory.ts";
import { loadScenario, scenarioIds, scenarioText } from "../scenarios/load-scenario.ts";
import { EXIT, inputError } from "./errors.ts";
import { exitOf, historyOf, recordOf, runOf } from "./one-run.ts";
import { numberOption } from "./options.ts";
import { progress, progressEnds } from "./progress.ts";
import { switchesOption } from "./switches.ts";
import { columns } from "./table.ts";

export interface CampaignOptions {
  seeds: string;
  seed?: string;
  jobs?: string;
  mutants?: string;
  defects?: string;
  caught?: boolean;
  shrink?: boolean;
  out?: string;
  json?: boolean;
}

const MAX_SEEDS = 1_000_000;
const MAX_JOBS = 256;

/** An entry with the checker that has to name it; null: it has to pass. */
interface Planned extends Entry {
  by: string | null;
}
/** The first run of an entry that did not pass, run again with everything recorded. */
interface Reported {
  scenario: string;
  seed: number;
  /** What its report says first. */
  message: string;
  command: string;
  /** null: the machine did not boot, so that there is nothing to report. */
  dir: string | null;
  /** `shrunk.yaml` beside the report, what it does without, and the command that runs it. */
  shrunk: { file: string; without: string[]; runs: number; command: string } | null;
}

/**
 * `faultline campaign`: many experiments in the simulation, on every core, recorded only as far as they are judged; the first that fails of each scenario is run again with everything recorded,
 * for its report. With `caught`, the switches that the scenarios say a checker must catch, instead of clean runs.
 */
export async function campaignCommand(ids: readonly string[], options: CampaignOptions): Promise<number> {
  const planned = plan(ids, options);
  const jobs = Math.min(options.jobs === undefined ? availableParallelism() : numberOption("jobs", options.jobs, 1, MAX_JOBS), experimentsOf(planned));
  progress("starting");
  const crew = startCrew(jobs);
  const from = performance.now();
  let result: CampaignResult;
  try {
    result = await campaign(planned, crew, (done, all, failed) => progress(`${done} of ${all}${options.caught ? "" : `, ${failed} not passed`}`));
  } finally {
    await crew.close();
  }
  const seconds = (performance.now() - from) / 1000;
  const uncaught = planned.filter((entry, i) => entry.by !== null && caughtBy(result.entries[i], entry.by) === 0);
  const reported = options.caught ? [] : await reportsOf(result, options);
  progressEnds();
  const command = commandOf(ids, options);
  const rates = {
    seconds: Math.round(seconds * 100) / 100,
    experimentsPerSecond: Math.round(result.experiments / seconds),
    faultsPerSecond: Math.round(result.faults / seconds),
    jobs,
  };
  process.stdout.write(
    options.json ? `${JSON.stringify(jsonOf(planned, result, reported, rates, command))}\n` : `${text(planned, result, reported, rates, command).join("\n")}\n`,
  );
  return options.caught ? (uncaught.length ? EXIT.violation : EXIT.ok) : exitOf(result.verdict);
}

const experimentsOf = (entries: readonly Entry[]): number => entries.reduce((sum, { seeds }) => sum + seeds, 0);
const caughtBy = ({ failed }: EntryResult, by: string): number => failed.filter(({ violated }) => violated.includes(by)).length;

function plan(ids: readonly string[], options: CampaignOptions): Planned[] {
  const seeds = numberOption("seeds", options.seeds, 1, MAX_SEEDS);
  const given = options.seed === undefined ? null : numberOption("seed", options.seed, 0, 2 ** 32 - 1);
  const switches = [...new Set([...switchesOption("mutants", options.mutants), ...switchesOption("defects", options.defects)])];
  if (options.caught && switches.length) throw inputError("--caught takes the switches from the scenarios: without --mutants and --defects", "caught");
  const planned = (ids.length ? ids : scenarioIds()).flatMap((id): Planned[] => {
    const scenario = loadScenario(id);
    const seed = given ?? scenario.seed;
    if (seed + seeds > 2 ** 32) throw inputError(`--seeds ${seeds}: seeds end at 4294967295`, "seeds");
    if (!options.caught) return [{ scenario: id, seed, seeds, switches, by: null }];
    return (scenario.expect.caught ?? []).map(({ defects = [], mutants = [], by }) => ({ scenario: id, seed, seeds, switches: [...defects, ...mutants], by }));
  });
  if (!planned.length) throw inputError("--caught: these scenarios name no switch that a checker catches", "caught");
  return planned;
}

async function reportsOf({ entries }: CampaignResult, options: CampaignOptions): Promise<Reported[]> {
  const reported: Reported[] = [];
  for (const { scenario: id, failed } of entries) {
    if (!failed.length) continue;
    const [{ seed, violated, error: why }] = failed;
    const run = runOf(id, { vm: "0", seed: String(seed), mutants: options.mutants, defects: options.defects });
    const history = await historyOf(run).catch((error) => {
      if (error instanceof InfrastructureError) return null;
      throw error;
    });
    if (!history) {
      reported.push({ scenario: id, seed, message: String(why), command: run.command(seed), dir: null, shrunk: null });
      continue;
    }
    const record = recordOf(run, history);
    const { dir } = writeRun({ out: options.out === undefined ? null : join(options.out, `${run.scenario.id}-seed${seed}`), files: run.files }, record);
    const { violations, error } = record.judgement;
    const message = error ?? (violations.length ? `${violations[0].invariant}: ${violations[0].message}` : "passes with everything recorded");
    reported.push({
      scenario: id,
      seed,
      message,
      command: run.command(seed),
      dir,
      shrunk: options.shrink && violated.length ? await shrunkInto(dir, run, violated[0]) : null,
    });
  }
  return reported;
}

async function shrunkInto(dir: string, run: ReturnType<typeof runOf>, invariant: string): Promise<Reported["shrunk"]> {
  progress(`${run.scenario.id}: shrinking what ${invariant} names`);
  const own = new Set([...run.scenario.mutants, ...run.scenario.defects]);
  const others = run.switches.filter((id) => !own.has(id));
  const smaller = await shrink(run.files.scenario ?? scenarioText(run.scenario.id), run.seed, others, invariant);
  if (!smaller) return null;
  const file = join(dir, "shrunk.yaml");
  writeFileSync(file, smaller.text);
  return {
    file,
    without: smaller.without,
    runs: smaller.runs,
    command: `npx faultline run ${file} --seed ${run.seed}${others.length ? ` --mutants ${others.join(",")}` : ""}`,
  };
}

function commandOf(ids: readonly string[], options: CampaignOptions): string {
  const words = ["npx faultline campaign", ...ids, "--seeds", options.seeds];
  for (const flag of ["seed", "mutants", "defects"] as const) if (options[flag]) words.push(`--${flag}`, options[flag]);
  if (options.caught) words.push("--caught");
  return words.join(" ");
}

interface Rates {
  seconds: number;
  experimentsPerSecond: number;
  faultsPerSecond: number;
  jobs: number;
}

function text(planned: readonly Planned[], result: CampaignResult, reported: readonly Reported[], rates: Rates, command: string): string[] {
  const { experiments, entries, assertions, digest } = result;
  const head = planned[0].by === null ? ["scenario", "passed", "faults", ""] : ["scenario", "switches", "caught", ""];
  const rows = entries.map((entry, i): string[] => {
    const { by } = planned[i];
    const first = entry.failed[0];
    if (by === null)
      return [entry.scenario, `${entry.passed} of ${entry.seeds}`, String(entry.faults), first ? `seed ${first.seed}: ${first.violated.join(", ") || first.error}` : ""];
    return [entry.scenario, entry.switches.join(","), `${caughtBy(entry, by)} of ${entry.seeds}`, by];
  });
  const passed = entries.reduce((sum, entry) => sum + entry.passed, 0);
  const caught = planned.filter(({ by }, i) => by !== null && caughtBy(entries[i], by) > 0).length;
  const unmet = assertions.filter(isUnmet).map(({ id }) => id);
  return [
    planned[0].by === null ? `verdict: ${result.verdict}, ${passed} of ${experiments} experiments pass` : `verdict: ${caught} of ${planned.length} switches caught`,
    ...columns([head, ...rows]).map((line) => line.trimEnd()),
    `${experiments} experiments, ${result.faults} complete faults in ${durationText(rates.seconds * 1e9)} on ${rates.jobs} ${rates.jobs === 1 ? "core" : "cores"}: ${rates.experimentsPerSecond} and ${rates.faultsPerSecond} a second; sha256 ${digest}`,
    ...(unmet.length && planned[0].by === null ? [`not seen in any of them (faultline explain ID): ${unmet.join(", ")}`] : []),
    ...reported.flatMap(({ scenario, seed, message, dir, command: again, shrunk }) => [
      `${scenario}, seed ${seed}: ${message}`,
      ...(dir === null ? [] : [`report: ${dir}`]),
      `        ${again}`,
      ...(shrunk ? [`shrunk: ${shrunk.file}, in ${shrunk.runs} runs, without ${shrunk.without.join(", ") || "anything less"}`, `        ${shrunk.command}`] : []),
    ]),
    command,
  ];
}

const jsonOf = (planned: readonly Planned[], result: CampaignResult, reported: readonly Reported[], rates: Rates, command: string) => ({
  verdict: result.verdict,
  experiments: result.experiments,
  faults: result.faults,
  ...rates,
  digest: result.digest,
  scenarios: result.entries.map((entry, i) => {
    const { by } = planned[i];
    return by === null ? entry : { ...entry, by, caught: caughtBy(entry, by) };
  }),
  assertions: result.assertions.map(({ id, kind, reached, held }) => ({ id, kind, reached, held })),
  reports: reported,
  command,
});
