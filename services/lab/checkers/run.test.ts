import { describe, expect, it } from "vitest";
import { boundedLog } from "./bounded-log.ts";
import { dataEquality } from "./data-equality.ts";
import { judgeBy } from "./index.ts";
import { liveness } from "./liveness.ts";
import { type Line, written } from "./test-support/written-history.ts";

describe("DATA: what the device wrote is what the CPU reads", () => {
  it("is violated by each comparison that differs", () => {
    const checked = (who: string, kind: string, equal: boolean): Line => [who, kind, {}, { what: "sha256", expected: "aa", actual: equal ? "aa" : "bb", equal }];
    expect(judgeBy([dataEquality], written(checked("lab", "lab.data-checked", true)))).toEqual([]);
    expect(judgeBy([dataEquality], written(checked("lab", "lab.data-checked", false)))).toEqual([
      { invariant: "DATA", message: "lab: sha256 is bb, expected aa", events: [1] },
    ]);
  });
  it("is violated when a process of the guest reads something else", () => {
    const mismatch: Line = ["guest0", "guest.data-mismatch", { endpoint: "0x8", pasid: 5, queue: 1 }, { error: "data mismatch: byte 7" }];
    expect(judgeBy([dataEquality], written(mismatch))).toEqual([
      { invariant: "DATA", message: "guest0: endpoint 0x8, PASID 5, queue 1: data mismatch: byte 7", events: [1] },
    ]);
  });
});

describe("LOG: at most ten lines of a kind in five seconds (include/linux/ratelimit_types.h)", () => {
  const line = (seconds: number, fields = {}): Line => ["host", "host.event-record", { sid: "0x8" }, { reported: false, ...fields }, seconds];
  const lines = (count: number, fields = {}) => written(...Array.from({ length: count }, (_, i) => line(i / 100, fields)));
  it("holds for ten, for those a rate limit swallowed, and for those that went to a handler instead (IC-908)", () => {
    expect(judgeBy([boundedLog], lines(10))).toEqual([]);
    expect(judgeBy([boundedLog], lines(50, { logged: false }))).toEqual([]);
    expect(judgeBy([boundedLog], lines(50, { reported: true }))).toEqual([]);
    expect(judgeBy([boundedLog], written(...Array.from({ length: 50 }, (_, i) => line(i))))).toEqual([]);
  });
  it("is violated by the eleventh, once for a storm", () => {
    expect(judgeBy([boundedLog], lines(200))).toEqual([
      { invariant: "LOG", message: "host: more than 10 host.event-record lines in 5 s, from #1 to #11 and on: no rate limit", events: [1, 11] },
    ]);
  });
});

describe("LIVENESS: after heal everything ends within the bound", () => {
  const at = (kind: string, seconds: number, fields = {}): Line => ["smmu", kind, { sid: "0x8", pasid: 5, grpid: 3, iova: "0x7000" }, fields, seconds];
  const heal: Line = ["lab", "lab.heal", {}, { withinNs: 2e9 }, 10];
  const start: Line = ["lab", "lab.workload-start", {}, {}, 0];
  const end = (seconds: number): Line => ["lab", "lab.workload-end", {}, { ok: false }, seconds];
  it("holds for a group and a workload that end in time, and promises nothing without heal", () => {
    expect(judgeBy([liveness], written(start, at("endpoint.page-request", 1), heal, at("endpoint.prg-response", 11.5), end(12)))).toEqual([]);
    expect(judgeBy([liveness], written(start, at("endpoint.page-request", 1)))).toEqual([]);
  });
  it("counts from the request for a group that opened after heal", () => {
    expect(judgeBy([liveness], written(start, heal, at("endpoint.page-request", 11), at("endpoint.prg-response", 12.5), end(11.9)))).toEqual([]);
  });
  it("is violated by a group that ends late or stays open, and by a workload without an end", () => {
    expect(judgeBy([liveness], written(start, at("endpoint.page-request", 1), heal, at("endpoint.prg-response", 13), end(11)))[0].message).toBe(
      "endpoint 0x8, PASID 5, group 3: ended 1000 ms late, 2000 ms after heal at #3",
    );
    const [group, workload] = judgeBy([liveness], written(start, at("endpoint.page-request", 1), heal));
    expect(group).toEqual({ invariant: "LIVENESS", message: "endpoint 0x8, PASID 5, group 3: is still open, 2000 ms after heal at #3", events: [2, 3] });
    expect(workload.message).toBe("the workload has not ended, 2000 ms after heal at #3");
  });
  it("takes a reset for the end of a group", () => {
    expect(judgeBy([liveness], written(start, at("endpoint.page-request", 1), heal, ["smmu", "endpoint.flr", { sid: "0x8" }, {}, 11], end(11)))).toEqual([]);
  });
});
