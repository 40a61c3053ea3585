import { describe, expect, it } from "vitest";
import { writeHistory } from "../history/history.ts";
import { ruleEvaluation, simulatedHops } from "./rule-evaluation.ts";
import { type FaultCost, measureSim, type SimBenchSize } from "./sim.ts";
import { experiment, floorMs, manyFaults, messagesOf } from "./sim-experiment.ts";

const SMALL_SIZE: SimBenchSize = { pages: 8, inFlight: [4, 1], experiments: 1, messages: 2000, warmUp: 0, grpc: false };

describe("faultline bench sim", () => {
  it("measures what it says: every figure is there, each has a median and a minimum", async () => {
    const { faultsPerSecond, experimentsPerSecond, startMs, best, budget, faults, everything, experiment, rules } = await measureSim(1, SMALL_SIZE);
    const figures = [
      ...[...Object.values(faults), everything].flatMap(({ simulate, judge, digest, complete, floor }: FaultCost) => [simulate, judge, digest, complete, floor]),
      experiment.ms,
      rules.decode,
      rules.hop.simulated,
      ...[rules.elsewhere, rules.matching, rules.condition].flatMap((byCount) => Object.values(byCount)),
    ];
    for (const { median, min } of figures) {
      expect(min).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(min);
    }
    expect([faultsPerSecond, experimentsPerSecond, startMs].every((rate) => rate > 0)).toBe(true);
    expect(best.faultsPerSecond).toBeGreaterThanOrEqual(faultsPerSecond);
    expect(budget).toEqual({ faultsPerSecond: 10_000, startMs: 20 }); // design.md, section 8
    expect(Object.keys(faults)).toEqual(["1", "4"]);
    expect(everything.events).toBeGreaterThan(faults["4"].events);
    expect(everything.messages).toBe(faults["4"].messages); // what is recorded changes nothing
  });
  it("counts complete faults: one answered group for each page, from its request to its answer", async () => {
    const { history, groups, startMs, totalMs } = await experiment(manyFaults(8, 4), "everything");
    const count = (kind: string) => history.filter((event) => event.kind === kind).length;
    // The completion record is a page of its own.
    expect([groups, count("endpoint.page-request"), count("prg-response.sent"), count("guest.page-response")]).toEqual([9, 9, 9, 9]);
    expect(messagesOf(history)).toBe(count("edge.deliver"));
    expect(startMs).toBeLessThan(totalMs);
    expect(await floorMs(history, messagesOf(history))).toBeGreaterThan(0);
  });
  it("has one history, whether messages pass through the codec or not", async () => {
    const [plain, encoded] = [await experiment(manyFaults(4, 2), "everything"), await experiment(manyFaults(4, 2), "everything", true)];
    expect(writeHistory(encoded.history)).toBe(writeHistory(plain.history));
  });
  it("times rules that let every message pass, and hops that all arrive", async () => {
    for (const kind of ["elsewhere", "matching", "condition"] as const) expect(ruleEvaluation(kind, 3, 100)()).toBeGreaterThanOrEqual(0);
    expect(await simulatedHops(200)).toBeGreaterThan(0);
  });
});
