import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent } from "@faultline/shared/trace/tracer.ts";
import type { Violation } from "../checkers/checker.ts";
import { JUDGED } from "../checkers/index.ts";
import { judgeRun } from "../report/verdict.ts";
import { runExperiment } from "../scenarios/experiment.ts";
import type { Scenario } from "../scenarios/load-scenario.ts";
import { pointTable } from "../scenarios/point-table.ts";
import { type RunningSimulation, startSimulation } from "../simulation/running-simulation.ts";
import { countAllocations, failAllocation } from "./allocations.ts";
import { allocationPoints, countingRules, hung, type InjectionPoint, messagePoints, reachedPoints } from "./injection-point.ts";

/** What failing one point led to; only points that led to something are listed. */
export interface Finding {
  point: string;
  what: "hang" | "leak" | "violation" | "crash";
  violations: Violation[];
}

export interface SweepResult {
  workload: string;
  /** Injection points of the clean run, by service; each was failed once. */
  points: Record<string, number>;
  total: number;
  /** Points of the static list by service: how many there are, and which the workload never reaches. */
  table: Record<string, { listed: number; reached: number; missing: string[] }>;
  /** Listed points that are not reached and of which nobody says why, and those that are reached although somebody says why not. */
  unexplained: string[];
  /** Points that did not come up again when they were to fail. */
  notReached: string[];
  leaks: number;
  hangs: number;
  findings: Finding[];
}

/** Named points that bind, fault, unbind and exit never come to in a run where nothing fails, and why. They are reached by scenarios (services/lab/scenarios). */
export const notInThisWorkload: Readonly<Record<string, string>> = {
  "guest.device-reset.before-flr": "no job times out",
  "vmm.function-reset.before-reset": "no job times out",
  "vmm.guest-death.before-reset": "the guest lives",
  "host.device-reset.before-flr": "no job times out, and the device was opened at the boot",
  "host.event-thread.before-report": "errors of ATS translations are not recorded (CR2.REC_CFG_ATS = 0)",
  "host.ste.between-stores": "STEs change at the boot and at a release",
  "host.unmap.before-unpin": "guest RAM stays mapped as long as its VMM lives",
  "host.release.before-unmap": "the VMM lives",
};

/** Workloads that the sweep knows. */
export const sweepWorkloads: Readonly<Record<string, Scenario["workload"]>> = {
  // Two processes: bind, one faulting job each; the first unbinds and the second exits while the device works.
  "bind-fault-unbind-exit": {
    operation: "copy",
    file: "input",
    pagesPerGroup: 2,
    jobTimeoutNs: 1e9,
    program: { processes: 2, pages: 2, jobs: 1, mix: { copy: 1 }, munmap: 0, unbind: 0.5, exit: 0.5, seed: 3 },
  },
};
const HEAL_NS = 10e9;
const LEAKS = new Set(["INV-5", "INV-9"]);

const scenarioOf = (workload: Scenario["workload"], rules: Scenario["rules"]): Scenario => ({
  id: "sweep",
  title: "One injection point fails",
  source: "fault injection, fail_nth",
  seed: 1,
  hypothesis: "nothing hangs and nothing is left",
  machine: defaultMachine,
  machineSections: [],
  workload,
  drawProgramSeed: false,
  fileBytes: 0,
  defects: [],
  mutants: [],
  rules,
  partFaults: [],
  // An invalidation that a reset of its function took away ends by the time-out of ATS (60 s), and until then the command queue waits (S13): the machine comes to rest first.
  heal: { at: { end: true }, withinNs: HEAL_NS, rest: true },
  simOnly: "the sweep drives the scheduler",
  expect: { workload: "either", after: "succeeds" },
});

/** Counts the injection points of a clean run of the workload, then fails each in turn, with heal and the workload once more after it. Stops by itself. */
export async function sweep(
  name: string,
  options: { seed: number; only?: string; switches?: readonly string[]; progress?(done: number, total: number, finding: Finding | null): void },
): Promise<SweepResult> {
  const workload = sweepWorkloads[name];
  // Nothing here waits for an event, so what is judged is enough.
  const start = () => startSimulation(defaultMachine, { seed: options.seed, switches: new Set(options.switches), recorded: JUDGED });
  const first = await start();
  const clean = await cleanRun(workload, first, options.seed);
  await first.close();
  const points = clean.points.filter((point) => point.name.includes(options.only ?? ""));
  const result: SweepResult = {
    workload: name,
    points: Object.fromEntries(["guest", "vmm", "host", "smmu"].map((service) => [service, points.filter((point) => point.service === service).length])),
    total: points.length,
    table: tableOf(clean.reached),
    unexplained: pointTable.map(({ id }) => id).filter((id) => clean.reached.has(id) === id in notInThisWorkload),
    notReached: [],
    leaks: 0,
    hangs: 0,
    findings: [],
  };
  for (const [done, point] of points.entries()) {
    const running = await start();
    const { finding, happened } = await failOne(point, workload, running, options.seed);
    await running.close();
    if (!happened) result.notReached.push(point.name);
    if (finding) result.findings.push(finding);
    if (finding?.what === "hang") result.hangs++;
    if (finding?.what === "leak") result.leaks++;
    options.progress?.(done + 1, points.length, finding);
  }
  return result;
}

async function cleanRun(workload: Scenario["workload"], running: RunningSimulation, seed: number): Promise<{ points: InjectionPoint[]; reached: Set<string> }> {
  const { machine } = running;
  const before = new Map(machine.points.counts);
  const allocations = countAllocations(machine);
  const hardware = pointTable.filter(({ service }) => service === "smmu").map(({ id }) => id);
  const rules = [...countingRules(), ...hardware.map((point) => ({ id: point, where: { point }, do: { action: "count" as const } }))];
  const matches = new Map<string, number>();
  // Rules are disarmed by heal: what they counted is read just before it.
  const history = await runExperiment({ ...scenarioOf(workload, rules), heal: null }, running, seed);
  for (const part of ["guest0", "vmm0", "host", "smmu"])
    for (const { id, matches: count } of machine.parts.find(part)?.faults.fired() ?? []) matches.set(id, (matches.get(id) ?? 0) + count);
  const judged = judgeRun({ rules: [], expect: { workload: "succeeds" } }, history);
  if (judged.verdict !== "pass") throw new Error(`the clean run of the sweep does not pass: ${judged.violations[0]?.message}`);
  const tasks = [...machine.points.counts].map(([id, count]) => [id, count - (before.get(id) ?? 0)] as const);
  const steps = hardware.map((id) => [id, matches.get(id) ?? 0] as const);
  const reached = new Map([...tasks, ...steps].filter(([, count]) => count > 0));
  return {
    points: [
      ...messagePoints(matches),
      ...reachedPoints(reached, (id) => hardware.includes(id)),
      ...allocationPoints("guest", allocations.guest()),
      ...allocationPoints("host", allocations.host()),
    ],
    reached: new Set(reached.keys()),
  };
}

async function failOne(
  point: InjectionPoint,
  workload: Scenario["workload"],
  running: RunningSimulation,
  seed: number,
): Promise<{ finding: Finding | null; happened: boolean }> {
  const { how } = point;
  const { machine } = running;
  const rules = "rule" in how ? [how.rule] : [];
  let happened = false;
  if ("panics" in how && how.panics !== undefined) {
    const { panics } = how;
    machine.watch(({ kind, fields }) => {
      if (happened || kind !== "edge.rule" || fields.rule !== "sweep") return;
      happened = true;
      machine.kill(panics, "sweep");
    });
  }
  if ("dies" in how) {
    const before = machine.points.counts.get(how.dies.point) ?? 0;
    machine.points.reached = (id, nth) => {
      if (happened || id !== how.dies.point || nth - before !== how.dies.nth) return false;
      happened = true;
      machine.kill(`${point.service}${point.service === "host" ? "" : "0"}`, "sweep");
      return true;
    };
  }
  if ("outOfMemory" in how) failAllocation(machine, how.outOfMemory.kernel, how.outOfMemory.nth, () => (happened = true));
  const scenario = scenarioOf(workload, rules);
  try {
    const history = await runExperiment(scenario, running, seed);
    happened ||= history.some(({ fields }) => fields.rule === "sweep");
    return { finding: findingOf(point, scenario, history), happened };
  } catch (error) {
    return { finding: { point: point.name, what: "crash", violations: [{ invariant: "crash", message: (error as Error).message, events: [] }] }, happened: true };
  }
}

function findingOf({ name }: InjectionPoint, scenario: Scenario, history: readonly TraceEvent[]): Finding | null {
  const { violations } = judgeRun({ rules: [], expect: scenario.expect }, history);
  if (violations.length === 0) return null;
  const what = hung(history) ? "hang" : violations.some(({ invariant }) => LEAKS.has(invariant)) ? "leak" : "violation";
  return { point: name, what, violations };
}

function tableOf(reached: ReadonlySet<string>): SweepResult["table"] {
  const services = ["guest", "vmm", "host", "smmu"] as const;
  return Object.fromEntries(
    services.map((service) => {
      const listed = pointTable.filter((row) => row.service === service).map(({ id }) => id);
      return [service, { listed: listed.length, reached: listed.filter((id) => reached.has(id)).length, missing: listed.filter((id) => !reached.has(id)) }];
    }),
  );
}
