import { readFileSync } from "node:fs";
import { type FaultRule, HARDWARE, isEdge, isPoint } from "@faultline/shared/lab/fault-rule.ts";
import { describe, expect, it } from "vitest";
import { loadScenario, type Scenario, scenarioIds } from "./load-scenario.ts";
import { cellOf, KINDS, type Kind, PLACES, type Place } from "./matrix.ts";

const placeOf = ({ where }: FaultRule): Place =>
  (isEdge(where) ? where.direction : isPoint(where) ? `point ${where.point.split(".")[0]}` : where.hardware.replace(/^endpoint:.*/, "endpoint")) as Place;
const kindOf = ({ do: what }: FaultRule): Kind => (what.action === "corrupt" ? ("bit" in what ? "corrupt-bit" : "corrupt-field") : (what.action as Kind));

/** The cells that a scenario fills: its rules, its faults of parts, and what takes those back. */
function cellsOf({ rules, partFaults, heal }: Scenario): Set<string> {
  const cells = new Set(rules.map((rule) => `${placeOf(rule)} ${kindOf(rule)}`));
  for (const fault of partFaults) {
    const part = fault.part.replace(/\d+$/, "0"); // one VM is as another
    cells.add(`${part} ${fault.do}`);
    if (fault.do === "kill" && heal) cells.add(`${part} restart`);
    if (fault.do === "pause") cells.add(`${part} resume`);
  }
  return cells;
}

describe("kinds of faults against the places where they can bite (issue 6, item 9)", () => {
  const scenarios = new Map(scenarioIds().map((id) => [id, loadScenario(id)]));
  it.each(PLACES)("%s: each kind has a scenario that does it there, or the reason why it cannot bite", (place) => {
    for (const kind of KINDS) {
      const cell = cellOf(place, kind);
      expect(cell, `${place} ${kind} has neither`).not.toBeNull();
      if (!cell || "reason" in cell) continue;
      const scenario = scenarios.get(cell.scenario);
      expect(scenario, `${place} ${kind} names ${cell.scenario}`).toBeDefined();
      expect(cellsOf(scenario!), cell.scenario).toContain(`${place} ${kind}`);
    }
  });
  it.each(Object.entries(HARDWARE))("%s: what it can do is a kind, and where it does it a place", (piece, actions) => {
    expect(PLACES).toContain(piece.replace(/^endpoint:$/, "endpoint"));
    for (const action of actions) expect(KINDS).toContain(action);
  });
  it("no scenario does what the matrix says cannot bite", () => {
    for (const [id, scenario] of scenarios) {
      for (const cell of cellsOf(scenario)) {
        const at = cell.lastIndexOf(" ");
        expect(cellOf(cell.slice(0, at) as Place, cell.slice(at + 1) as Kind), `${id}: ${cell}`).toHaveProperty("scenario");
      }
    }
  });
});

describe("the bugs of the field (from-the-field.md)", () => {
  const rows = readFileSync(new URL("from-the-field.md", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => /^\| S\d\d /.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  it("are all there, S01 to S56", () => {
    expect(rows.map(([, bug]) => bug.slice(0, 3))).toEqual(Array.from({ length: 56 }, (_, i) => `S${String(i + 1).padStart(2, "0")}`));
  });
  it.each(rows.map((cells): [string, string[]] => [cells[1], cells]))("%s: a scenario that is caught, or the reason why not", (_bug, [, , scenario, caught, reason]) => {
    if (scenario === "") return expect(reason).not.toBe("");
    const { expect: expected } = loadScenario(scenario.replaceAll("`", ""));
    if (caught === "") return expect(reason).not.toBe("");
    const [switches, by] = caught.split(": ");
    for (const id of switches.split(/, | with /))
      expect(expected.caught, caught).toContainEqual(
        expect.objectContaining({ by, ...(id.startsWith("RR") ? { defects: expect.arrayContaining([id]) } : { mutants: expect.arrayContaining([id]) }) }),
      );
  });
});
