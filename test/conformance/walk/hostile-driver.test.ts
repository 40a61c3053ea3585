import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMAND_ROWS } from "./command-legality.ts";
import { hostility } from "./hostile-actions.ts";
import { HostileDriver } from "./hostile-driver.ts";

const RUNS = 3000;
const reached = new Map<string, number>();
const reach = (row: string) => void reached.set(row, (reached.get(row) ?? 0) + 1);

function endure(seed: number): void {
  fc.assert(
    fc.property(hostility, ({ idr, actions }) => {
      const driver = new HostileDriver(idr, reach);
      for (const action of actions) driver.act(action);
    }),
    { seed, numRuns: RUNS, endOnFailure: process.env.FAULTLINE_MUTANT !== undefined },
  );
}

describe("A driver that writes anything (smmuv3.md, 1.1 to 1.8, 4.2 and 4.5)", () => {
  it("meets no exception, no endless loop and no growth, and the right CERROR for each command, with the fixed seed", () => {
    endure(20_261_130); // one that reaches every row below by itself: most miss one or two, and the fresh one may too
  });

  it("meets the same with a fresh seed, which is printed and replays with FAULTLINE_WALK_SEED", () => {
    const seed = Number(process.env.FAULTLINE_WALK_SEED ?? Date.now() % 2 ** 31);
    process.stdout.write(`hostile driver: seed ${seed}, ${RUNS} runs\n`);
    endure(seed);
  });

  it("reaches every command and every CERROR row of 4.2 and 4.5", () => {
    process.stdout.write(`hostile driver: rows reached\n${COMMAND_ROWS.map((row) => `${String(reached.get(row) ?? 0).padStart(8)}  ${row}`).join("\n")}\n`);
    expect(COMMAND_ROWS.filter((row) => !reached.has(row))).toEqual([]);
  });

  it("finds the queue of stalled transactions bounded: a stream that only stalls", () => {
    // IDR0: both stages, STALL_MODEL = 00; STALL_MAX = 4.
    const driver = new HostileDriver({ IDR0: 0x0004_1013, IDR1: 0x0108_0006, IDR3: 0x1414, IDR5: 0x0004_0075, AIDR: 1 }, () => {});
    driver.act({ do: "set up", cr0: 0x0d, hole: false });
    // V, Config = 110, S2T0SZ 25, S2SL0 1, S2PS 48, S2AA64, S2S; S2TTB above it is a table of invalid descriptors.
    const ste = 1n | (6n << 1n) | (25n << 160n) | (1n << 166n) | (5n << 176n) | (1n << 179n) | (1n << 185n) | ((0x1100_0000n >> 4n) << 196n);
    for (let i = 0; i < 8; i++) driver.act({ do: "scribble", at: 0x1000_0000 + 8 * i, value: (ste >> BigInt(64 * i)) % 2n ** 64n });
    driver.act({ do: "scribble", at: 0x1100_0000, value: 0n });

    for (let i = 0; i < 5000; i++)
      driver.act({ do: "access", access: { sid: 0, ssid: null, translated: false, address: BigInt(i) * 8n, write: false, priv: false, exec: false } });
  });
});
