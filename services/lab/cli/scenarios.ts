import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { defects as guestDefects } from "@faultline/guest/defects.ts";
import { defects as hostDefects } from "@faultline/host/defects.ts";
import { traceEvents } from "@faultline/shared/trace/trace-events.ts";
import { defects as smmuDefects } from "@faultline/smmu/defects.ts";
import { defects as vmmDefects } from "@faultline/vmm/defects.ts";
import { assertions } from "../assertions/assertions.ts";
import { checkers } from "../checkers/index.ts";
import { findings } from "../scenarios/from-the-review.ts";
import { loadScenario, type Scenario, scenarioIds } from "../scenarios/load-scenario.ts";
import { modesOf } from "../scenarios/modes.ts";
import { pointTable } from "../scenarios/point-table.ts";
import type { Caught } from "../scenarios/scenario-file.ts";
import { whereText } from "../scenarios/where.ts";
import { EXIT, inputError } from "./errors.ts";
import { stopTheFlow } from "./switches.ts";
import { columns } from "./table.ts";

export interface TableOptions {
  json?: boolean;
}

const switches = { guest: guestDefects, vmm: vmmDefects, host: hostDefects, smmu: smmuDefects };

const print = (options: TableOptions, value: object, lines: readonly string[]): number => {
  process.stdout.write(options.json ? `${JSON.stringify(value)}\n` : `${lines.join("\n")}\n`);
  return EXIT.ok;
};
const faultTexts = ({ rules, partFaults }: Scenario): string[] => [
  ...rules.map(({ where, do: { action } }) => `${action} ${whereText(where)}`),
  ...partFaults.map(({ part, do: what }) => `${what} ${part}`),
];
const switchesOf = ({ mutants = [], defects = [] }: Pick<Caught, "mutants" | "defects">): string[] => [...mutants, ...defects];

/** `faultline scenarios list`: what is shipped. */
export function scenariosCommand(options: TableOptions): number {
  const rows = shipped().map(({ id, title, source, expect, simOnly, ...scenario }) => ({
    id,
    title,
    source,
    faults: faultTexts({ ...scenario } as Scenario),
    modes: modesOf({ partFaults: scenario.partFaults, simOnly }),
    caught: (expect.caught ?? []).map((one) => ({ switches: switchesOf(one), by: one.by })),
  }));
  return print(options, { scenarios: rows }, columns(rows.map(({ id, title, faults }) => [id, title, faults.join("; ") || "no fault"])));
}

/** `faultline points`: every named point of the cores (interfaces.md, section 8). */
export function pointsCommand(options: TableOptions): number {
  const rows = pointTable.map(({ service, id, kind, fields, sentence }) => [id, kind, Object.keys(fields).join(" ") || "-", sentence, service]);
  return print(options, { points: pointTable }, columns(rows.map((row) => row.slice(0, 4))));
}

interface Explanation {
  id: string;
  what: "scenario" | "switch" | "finding" | "checker" | "assertion" | "point" | "event";
  lines: string[];
}

/** `faultline explain ID`: a scenario, finding of the review, defect, mutant, checker, assertion, point or kind of event. */
export function explainCommand(id: string, options: TableOptions): number {
  const found = explanationOf(id);
  if (!found) throw inputError(`${id} is no scenario, finding, defect, mutant, checker, assertion, point or kind of event${nearest(id)}`, "id");
  return print(options, found, [`${found.id} (${found.what})`, ...found.lines.map((line) => `  ${line}`)]);
}

/** What an id is; null: nothing that is known. */
export function explanationOf(id: string): Explanation | null {
  if (scenarioIds().includes(id)) return { id, what: "scenario", lines: scenarioLines(loadScenario(id)) };
  for (const [service, rows] of Object.entries(switches)) {
    const row = rows.find((one) => one.id === id);
    if (row)
      return {
        id,
        what: "switch",
        lines: [row.sentence, `source: ${row.source}`, `where: ${pathOf(service, row.where)}`, ...asPostedLine(id), ...usedBy(id), ...testedBy(id)],
      };
  }
  const finding = findings().find((one) => one.id === id);
  if (finding) return { id, what: "finding", lines: [finding.title, finding.on ? `switched on by: ${finding.on}` : `no switch: ${finding.reason}`, ...testedBy(id)] };
  const checker = checkers.find((one) => one.id === id);
  if (checker) return { id, what: "checker", lines: [checker.sentence, `reads: ${checker.reads.join(", ")}`] };
  if (id === "hypothesis") return { id, what: "checker", lines: ["The workload ends as the scenario's `expect` says; judged when no other checker names a violation."] };
  const assertion = assertions.find((one) => one.id === id);
  if (assertion) return { id, what: "assertion", lines: [`${assertion.kind}: ${assertion.sentence}`] };
  const point = pointTable.find((one) => one.id === id);
  if (point)
    return {
      id,
      what: "point",
      lines: [
        point.sentence,
        `fields: ${
          Object.entries(point.fields)
            .map(([name, type]) => `${name} (${type})`)
            .join(", ") || "none"
        }`,
      ],
    };
  return id in traceEvents ? { id, what: "event", lines: [traceEvents[id as keyof typeof traceEvents]] } : null;
}

function scenarioLines(scenario: Scenario): string[] {
  const { title, source, hypothesis, expect, heal, simOnly } = scenario;
  const caught = (expect.caught ?? []).map((one) => `with ${switchesOf(one).join(", ")}: ${one.by}`);
  return [
    title,
    `source: ${source}`,
    `hypothesis: ${hypothesis.replace(/\s+/g, " ")}`,
    `faults: ${faultTexts(scenario).join("; ") || "none"}`,
    `expected: the workload ${expect.workload}${expect.error ? ` (${expect.error})` : ""}${heal ? `; after heal it ${expect.after} within ${heal.withinNs / 1e9} s` : ""}`,
    ...caught,
    ...(expect.uncaught ? [`not caught: ${expect.uncaught}`] : []),
    ...(simOnly ? [`sim only: ${simOnly}`] : []),
  ];
}

/** From the repository's root: some defects of a service are in code that it shares. */
const pathOf = (service: string, where: string): string => (where.startsWith("shared/") ? where : `services/${service}/${where}`);

let loaded: readonly Scenario[] | undefined;
/** Every scenario that is shipped, read once. */
const shipped = (): readonly Scenario[] => (loaded ??= scenarioIds().map(loadScenario));

/** Of a defect of the posted series. */
function asPostedLine(id: string): string[] {
  const stops = stopTheFlow.get(id);
  return id.startsWith("RR-") ? [stops ? `as-posted is without it: ${stops}` : "as-posted has it"] : [];
}

/** The test that from-the-review.md names, from the repository's root. */
function testedBy(id: string): string[] {
  const shown = findings().find((one) => one.id === id)?.shown;
  return shown && "test" in shown ? [`test: ${relative(fileURLToPath(new URL("../../../", import.meta.url)), fileURLToPath(shown.test))}`] : [];
}

function usedBy(id: string): string[] {
  const option = (name: string, ids: readonly string[] = []): string => (ids.length ? ` --${name} ${ids.join(",")}` : "");
  const using = shipped().flatMap(({ id: scenario, expect }) =>
    (expect.caught ?? [])
      .filter((one) => switchesOf(one).includes(id))
      .map(({ mutants, defects, by }) => `npx faultline run ${scenario}${option("defects", defects)}${option("mutants", mutants)} -> ${by}`),
  );
  return using.length ? ["shown by:", ...using.map((line) => `  ${line}`)] : [];
}

/** Every id that `explain` knows, but for the kinds of events: those that a mistyped one may mean. */
export const knownIds = (): string[] => [
  ...scenarioIds(),
  ...Object.values(switches).flatMap((rows) => rows.map((row) => row.id)),
  ...findings().flatMap(({ id, on }) => (on.startsWith("--defects") ? [] : [id])),
  ...checkers.map((one) => one.id),
  ...assertions.map((one) => one.id),
  ...pointTable.map((one) => one.id),
];

/** Ids that share its beginning. */
function nearest(id: string): string {
  const alike = knownIds().filter((one) => one.toLowerCase().startsWith(id.toLowerCase().slice(0, 3)));
  return alike.length ? `; there are ${alike.slice(0, 12).join(", ")}` : "";
}
