import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { disagreement } from "./agreement.ts";
import { randomMachine } from "./random-machine.ts";
import { ROWS } from "./rows.ts";

const RUNS = 6000;
/** Further seeds, of a quarter of the runs each, for rows that are still missing. */
const MORE = 12;
const reached = new Map<string, number>();
const reach = (row: string) => void reached.set(row, (reached.get(row) ?? 0) + 1);

function agree(seed: number, numRuns = RUNS): void {
  fc.assert(
    fc.property(randomMachine, (machine) => {
      const found = disagreement(machine, reach);
      if (found !== null) throw new Error(found);
    }),
    { seed, numRuns, endOnFailure: process.env.FAULTLINE_MUTANT !== undefined },
  );
}

describe("The core and an independent walker (smmuv3.md, 2 to 5.5 and 7; page-tables.md, 1 to 8)", () => {
  it("agree on outcome, PA, event record and updated descriptors of random machines, with the fixed seed", () => {
    agree(20_261_125);
  });

  it("agree on random machines with a fresh seed, which is printed and replays with FAULTLINE_WALK_SEED", () => {
    const seed = Number(process.env.FAULTLINE_WALK_SEED ?? Date.now() % 2 ** 31);
    process.stdout.write(`walk: seed ${seed}, ${RUNS} machines\n`);
    agree(seed);
  });

  it("reach every row of the event, STE-check and CD-check tables that a walk can reach", () => {
    // Rare rows get more machines.
    for (let seed = 1; seed <= MORE && ROWS.some((row) => !reached.has(row)); seed++) agree(seed, RUNS / 4);
    const table = ROWS.map((row) => `${String(reached.get(row) ?? 0).padStart(8)}  ${row}`).join("\n");
    process.stdout.write(`walk: rows reached\n${table}\n`);
    expect(ROWS.filter((row) => !reached.has(row))).toEqual([]);
  });
});
