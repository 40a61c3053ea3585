import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ROWS } from "../../model/page-request-rows.ts";
import { finish, schedule } from "../../model/page-request-schedule.ts";
import { PageRequestSystem } from "../../model/page-request-system.ts";

const RUNS = 400;
/** Further seeds for rows that are still missing. */
const MORE = 12;
const reached = new Map<string, number>();
const reach = (row: string) => void reached.set(row, (reached.get(row) ?? 0) + 1);

function agree(seed: number, numRuns = RUNS): void {
  fc.assert(
    fc.property(fc.constantFrom(1, 1, 2, 3), schedule, (priqLog2, commands) => {
      const system = new PageRequestSystem(priqLog2, reach);
      fc.modelRun(() => ({ model: {}, real: system }), commands);
      finish(system);
    }),
    { seed, numRuns, endOnFailure: process.env.FAULTLINE_MUTANT !== undefined },
  );
}

describe("PRI queue, page-request interface and ATC beside a model of the documents (Arm IHI 0070 G.b, 8 and 4.5; PCIe 10.3, 10.4, 10.5)", () => {
  it("agree after every command on messages, queue, status, credits and groups; every group ends exactly once; with the fixed seed", () => agree(20_261_125));

  it("agree with a fresh seed, which is printed and replays with FAULTLINE_PAGE_REQUEST_SEED", () => {
    const seed = Number(process.env.FAULTLINE_PAGE_REQUEST_SEED ?? (process.env.FAULTLINE_MUTANT ? 1 : Date.now() % 2 ** 31));
    process.stdout.write(`page requests: seed ${seed}, ${RUNS} schedules\n`);
    agree(seed);
  });

  it("reach every row of the tables of request, automatic response, response, enable, disable and reset", () => {
    for (let seed = 1; seed <= MORE && ROWS.some((row) => !reached.has(row)); seed++) agree(seed);
    const table = [...new Set([...ROWS, ...reached.keys()])].map((row) => `${String(reached.get(row) ?? 0).padStart(8)}  ${row}`).join("\n");
    process.stdout.write(`page requests: rows reached\n${table}\n`);
    expect(ROWS.filter((row) => !reached.has(row))).toEqual([]);
    expect([...reached.keys()].filter((row) => !ROWS.includes(row))).toEqual([]);
  });
});
