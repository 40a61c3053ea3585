import type { TraceEvent, TraceFields, TraceIds } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { judgeBy } from "./index.ts";
import { inv1 } from "./inv-1.ts";

/** A history written by hand: kind, group, fields. */
const history = (...lines: [kind: string, grpid?: number, fields?: TraceFields, ids?: TraceIds][]): TraceEvent[] =>
  lines.map(([kind, grpid, fields = {}, ids = {}], i) => ({
    n: i + 1,
    t: i,
    lamport: i,
    who: "smmu",
    kind,
    ids: { sid: "0x8", pasid: 5, grpid, ...ids },
    fields,
    cause: null,
  }));
const last = { last: true };

describe("INV-1: every accepted group is answered exactly once or closed by a reset", () => {
  it("holds for a group that is answered", () => {
    expect(judgeBy([inv1], history(["pri-queue.record", 3, { last: false }], ["pri-queue.record", 3, last], ["endpoint.prg-response", 3]))).toEqual([]);
  });
  it("is violated by a group that is never answered, naming endpoint, PASID and group", () => {
    const violations = judgeBy([inv1], history(["pri-queue.record", 3, last], ["pri-queue.record", 4, last], ["endpoint.prg-response", 4]));
    expect(violations).toEqual([{ invariant: "INV-1", message: "endpoint 0x8, PASID 5, group 3: never answered, and its endpoint was not reset", events: [1] }]);
  });
  it("says how far the group came and what did not follow", () => {
    const [{ message, events }] = judgeBy(
      [inv1],
      history(
        ["pri-queue.record", 3, last],
        ["host.fault-reported", 3, last],
        ["host.page-response", 3, { ret: -22 }],
        ["vmm.page-response", 3],
        ["host.pri-record", 3, last],
      ),
    );
    expect(message).toBe(
      "endpoint 0x8, PASID 5, group 3: never answered, and its endpoint was not reset: it came as far as vmm.page-response at #4, no host.page-response after it",
    );
    expect(events).toEqual([1, 4]);
  });
  it("expects nothing of functions whose power is lost: theirs and no other part's", () => {
    const after = (part: string, did: string) => judgeBy([inv1], history(["pri-queue.record", 3, last], ["lab.part", undefined, { part, did }])).length;
    expect([after("smmu", "kill"), after("smmu", "pause"), after("host", "kill")]).toEqual([0, 1, 1]);
  });
  it("is violated by a second answer", () => {
    const violations = judgeBy([inv1], history(["pri-queue.record", 3, last], ["endpoint.prg-response", 3], ["endpoint.prg-response", 3]));
    expect(violations).toEqual([{ invariant: "INV-1", message: "endpoint 0x8, PASID 5, group 3: answered more than once", events: [2, 3] }]);
  });
  it("is violated by an answer without a request", () => {
    expect(judgeBy([inv1], history(["endpoint.prg-response", 9]))[0].message).toContain("answered without a request");
  });
  it("holds when a reset of the endpoint closes the group, even if its answer comes late", () => {
    expect(judgeBy([inv1], history(["pri-queue.record", 3, last], ["endpoint.flr"]))).toEqual([]);
    expect(judgeBy([inv1], history(["pri-queue.record", 3, last], ["endpoint.group-closed", 3], ["endpoint.prg-response", 3]))).toEqual([]);
  });
  it("excuses as many late answers as groups were closed", () => {
    expect(judgeBy([inv1], history(["endpoint.group-closed", 3], ["endpoint.prg-response", 3]))).toHaveLength(1);
    expect(judgeBy([inv1], history(["pri-queue.record", 3, last], ["endpoint.flr"], ["endpoint.prg-response", 3], ["endpoint.prg-response", 3]))).toHaveLength(1);
  });
  it("is not satisfied by a reset before the request, or of another endpoint", () => {
    expect(judgeBy([inv1], history(["endpoint.flr"], ["pri-queue.record", 3, last]))).toHaveLength(1);
    expect(judgeBy([inv1], history(["pri-queue.record", 3, last], ["endpoint.flr", undefined, {}, { sid: "0x10" }]))).toHaveLength(1);
  });
  it("holds for an index that is used again, and sees the second use unanswered", () => {
    const twice = history(["pri-queue.record", 3, last], ["endpoint.prg-response", 3], ["pri-queue.record", 3, last], ["endpoint.prg-response", 3]);
    expect(judgeBy([inv1], twice)).toEqual([]);
    expect(judgeBy([inv1], twice.slice(0, 3))[0].events).toEqual([3]);
  });
  it("does not count partial groups and stop markers, and takes automatic responses for what they are", () => {
    expect(judgeBy([inv1], history(["pri-queue.record", 3, { last: false }], ["pri-queue.record", 0, { last: true, stopMarker: true }]))).toEqual([]);
    expect(judgeBy([inv1], history(["pri-queue.auto-response", 7, last], ["endpoint.prg-response", 7]))).toEqual([]);
  });
});
