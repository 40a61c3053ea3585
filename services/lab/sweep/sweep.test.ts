import { describe, expect, it } from "vitest";
import { sweep } from "./sweep.ts";

const WORKLOAD = "bind-fault-unbind-exit";

describe("the nth-sweep (issue 6, item 8)", () => {
  it("fails each of the points that a clean run reaches once, in turn, and stops by itself", { timeout: 120_000 }, async () => {
    const seen: number[] = [];
    const { total, points, table, unexplained, notReached, findings } = await sweep(WORKLOAD, {
      seed: 1,
      only: "point guest.unbind",
      progress: (done, all) => void seen.push(all - done),
    });
    // Two processes, each with the three points of an unbind.
    expect([total, points.guest, points.vmm, points.host, points.smmu]).toEqual([6, 6, 0, 0, 0]);
    expect(seen).toEqual([5, 4, 3, 2, 1, 0]);
    expect(notReached).toEqual([]);
    expect(findings).toEqual([]);
    // By hand from points.ts of the guest: all but the one before a reset.
    expect(table.guest).toEqual({ listed: 14, reached: 13, missing: ["guest.device-reset.before-flr"] });
    // Every point of the four lists is reached, or somebody says why this workload never comes to it.
    expect(unexplained).toEqual([]);
  });
  it("ends the host's kernel where an access of a register of the SMMU aborts: an SError (Arm ARM, D1.13)", { timeout: 120_000 }, async () => {
    const { total, points, notReached, findings } = await sweep(WORKLOAD, { seed: 1, only: "m.address < 0x9070000] #3" });
    expect([points.host > 1, points.host === total, notReached, findings]).toEqual([true, true, [], []]);
  });
  it("names a point whose failure leaves something behind", { timeout: 120_000 }, async () => {
    const { findings } = await sweep(WORKLOAD, { seed: 1, only: "vmm->guest used [m.queue == 1] #10", switches: ["M-no-job-timeout"] });
    expect(findings.map(({ what, point }) => [what, point])).toEqual([["hang", "vmm->guest used [m.queue == 1] #10"]]);
  });
});
