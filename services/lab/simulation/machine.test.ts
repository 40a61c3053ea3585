import { createHash } from "node:crypto";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { judge } from "../checkers/index.ts";
import { summarize } from "../demo/summary.ts";
import { historyDigest, readHistory, writeHistory } from "../history/history.ts";
import { SimulatedMachine } from "./machine.ts";

const input = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 31 + (i >> 7)) & 0xff);

async function run(seed: number, yieldEverywhere = false) {
  const machine = new SimulatedMachine(defaultMachine, { seed, switches: new Set(), yieldEverywhere });
  await machine.boot();
  const end = await machine.runWorkload([{ name: "input", bytes: input }], { operation: "sha256", file: "input", pagesPerGroup: 3, jobTimeoutNs: 10e9 });
  if (!end.ended) throw new Error(`did not end: ${end.reason}`);
  return { result: end.value, history: machine.history };
}

describe("four cores in one process and virtual time", () => {
  it("one seed gives a byte-identical history, another seed another one", async () => {
    const digests = [];
    for (const seed of [1, 1, 2]) digests.push(historyDigest(writeHistory((await run(seed)).history)));
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
  });

  it("every order of tasks that the seed draws gives the same result and a history that the checkers accept", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { result, history } = await run(seed, true);
      expect(result, `seed ${seed}`).toMatchObject({ ok: true, inputBytes: input.length });
      expect(Buffer.from(result.output).toString("hex")).toBe(createHash("sha256").update(input).digest("hex"));
      const { groups, responses } = summarize(history);
      expect(responses).toBe(groups);
      expect(judge(history)).toEqual([]);
    }
  });

  it("a history read back from its lines is the history", async () => {
    const { history } = await run(1);
    const text = writeHistory(history);
    expect(writeHistory(readHistory(text))).toBe(text);
    expect(() => readHistory("{}\n")).toThrow("line 1");
    expect(() => readHistory(`${text}nonsense\n`)).toThrow(/line \d+: not JSON/);
  });
});
