import type { TraceEvent, TraceFields, TraceIds } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { checkers, judge, judgeBy } from "./index.ts";
import { doctored, type Line, oneFault, written } from "./test-support/written-history.ts";

const of = (id: string) => checkers.find((checker) => checker.id === id)!;

describe("one page fault, answered (spec/flow.md, steps c to h)", () => {
  it("passes every checker", () => {
    expect(judge(written(...oneFault))).toEqual([]);
  });
  it("names each invariant once", () => {
    expect(new Set(checkers.map(({ id }) => id)).size).toBe(checkers.length);
  });

  type Case = [invariant: string, what: string, kind: string, change: { ids?: TraceIds; fields?: TraceFields } | null, message: RegExp];
  const cases: Case[] = [
    [
      "INV-2",
      "the guest answers another group",
      "guest.page-response",
      { ids: { grpid: 0 } },
      /group 0: the guest answered a group that nobody asked about; asked was endpoint 0x8, PASID 5, group 3/,
    ],
    [
      "INV-2",
      "the VMM answers another endpoint",
      "vmm.page-response",
      { ids: { endpoint: "0x9" } },
      /endpoint 0x9, PASID 5, group 3: the VMM answered a group that nobody/,
    ],
    ["INV-2", "the host answers another PASID", "host.pri-response", { ids: { pasid: 6 } }, /PASID 6, group 3: the host answered this PASID, asked was PASID 5/],
    ["INV-2", "the SMMU sends the answer to another function", "prg-response.sent", { ids: { sid: "0x10" } }, /endpoint 0x10, PASID 5, group 3: the SMMU answered/],
    [
      "INV-6",
      "the VMM reads a last request as one that is not",
      "vmm.fault-drained",
      { fields: { last: false } },
      /host->vmm vmm.fault-drained has last false, sent was last true/,
    ],
    ["INV-6", "the guest sees no PASID", "guest.event-received", { ids: { pasid: undefined } }, /vmm->guest guest.event-received has pasid none, sent was pasid 5/],
    [
      "INV-6",
      "the host takes SUCCESS and answers INVALID",
      "host.pri-response",
      { fields: { resp: 1 } },
      /inside the host host.pri-response has code 1, sent was code 0/,
    ],
    ["INV-6", "SUCCESS leaves the SMMU as Response Failure", "prg-response.sent", { fields: { code: 15 } }, /host->smmu prg-response.sent has code 15, sent was code 0/],
    ["INV-10", "the host answers Failure and tells nobody", "host.fault-reported", null, /answered Response Failure and never reported/],
    ["FL-I1", "the last request vanishes on the link", "pri-queue.record", null, /endpoint 0x8, PASID 5, group 3: its last request became no record/],
    ["FL-I1", "the response vanishes on the link", "endpoint.prg-response", null, /the PRG Response sent at #14 never reached the function/],
    [
      "FL-I2",
      "the function refuses the answer to an open group",
      "endpoint.prg-response",
      { fields: { accepted: false } },
      /the function refused its answer as unexpected/,
    ],
    [
      "FL-I3",
      "the guest says SUCCESS without a page",
      "guest.fault-handled",
      { fields: { result: "no vma" } },
      /answered SUCCESS, but page 0x7000 was not made present after #7/,
    ],
    ["FL-I3", "SUCCESS goes out that the guest never said", "guest.page-response", { fields: { code: 1 } }, /the guest has not answered the group so/],
    [
      "FL-I4",
      "a function sends more than its allocation",
      "endpoint.page-request",
      { fields: { allocation: 0 } },
      /endpoint 0x8: 1 page requests outstanding, its allocation is 0/,
    ],
    [
      "FL-I4",
      "a group never gets its last request",
      "endpoint.page-request",
      { ids: { grpid: 4 }, fields: { last: false } },
      /group 4: 1 credit never returned: no Last request followed #1/,
    ],
    ["FL-I5", "the guest forgets the group", "guest.page-response", null, /still pending in guest, not in host and VMM/],
    ["FL-I5", "the response never comes to the host", "host.page-response", null, /still pending in host, not in VMM and guest/],
  ];
  it.each(cases)("%s is violated when %s", (invariant, _what, kind, change, message) => {
    const extra = invariant === "INV-10" ? { fields: { resp: 0 } } : null;
    const history = extra ? doctored("host.pri-response", extra).filter((event) => event.kind !== kind) : doctored(kind, change);
    const violations = judgeBy([of(invariant)], history);
    expect(violations.map(({ message: text }) => text)).toEqual([expect.stringMatching(message)]);
    expect(violations[0].invariant).toBe(invariant);
    const known = new Set(history.map(({ n }) => n));
    expect(violations[0].events.length).toBeGreaterThan(0);
    for (const n of violations[0].events) expect(known.has(n)).toBe(true);
  });

  it("FL-I1 gives up a response to a function whose link is down, and no other (PCIe 6.7.3)", () => {
    const response = doctored("endpoint.prg-response", null);
    const link = (sid: string, up: boolean) => written(["smmu", "endpoint.link", { sid }, { up }]);
    const lost = (...history: TraceEvent[]) => judgeBy([of("FL-I1")], [...response.slice(0, -1), ...history, ...response.slice(-1)]).length;
    expect(lost(...link("0x8", false))).toBe(0);
    expect(lost(...link("0x9", false))).toBe(0); // another function of the device
    expect(lost(...link("0x10", false))).toBe(1);
    expect(lost(...link("0x8", false), ...link("0x8", true))).toBe(1);
    expect(judgeBy([of("FL-I1")], [...response, ...link("0x8", false)])).toHaveLength(1);
  });
  it("INV-6 is violated when the host takes INVALID where SUCCESS was sent, and once more when its driver says SUCCESS all the same", () => {
    expect(judgeBy([of("INV-6")], doctored("host.page-response", { fields: { code: 1 } })).map(({ message }) => message)).toEqual([
      expect.stringMatching(/vmm->host host.page-response has code 1, sent was code 0/),
      expect.stringMatching(/inside the host host.pri-response has code 0, sent was code 1/),
    ]);
  });
  it("INV-6 is violated when the host reads another page than was written, and once more when it reports the right one all the same", () => {
    expect(judgeBy([of("INV-6")], doctored("host.pri-record", { ids: { iova: "0x8000" } })).map(({ message }) => message)).toEqual([
      expect.stringMatching(/smmu->host host.pri-record has address 0x8000, sent was address 0x7000/),
      expect.stringMatching(/inside the host host.fault-reported has address 0x7000, sent was address 0x8000/),
    ]);
  });
  it("INV-6 is violated when the host puts a request of another function into the group (S33)", () => {
    const stranger: Line = ["host", "host.fault-reported", { sid: "0x8", pasid: 6, grpid: 3, iova: "0x9000" }, { record: 1, last: false }];
    expect(judgeBy([of("INV-6")], written(...oneFault, stranger)).map(({ message }) => message)).toEqual([
      expect.stringMatching(/PASID 6, group 3: inside the host host.fault-reported has pasid 6, address 0x9000, last false, sent was pasid 5, address 0x7000, last true/),
    ]);
  });
  it("INV-6 takes the two sides of a hop in either order, each use of an index for itself, and what is absent for null", () => {
    const page = (who: string, kind: string, iova: string, last?: boolean | null): Line => [who, kind, { endpoint: "0x8", pasid: 5, grpid: 3, iova }, { last }];
    const used = (iova: string, last?: boolean | null) => page("vmm0", "vmm.event-used", iova, last);
    const received = (iova: string, last?: boolean | null) => page("guest0", "guest.event-received", iova, last);
    const inv6 = (...lines: Line[]) => judgeBy([of("INV-6")], written(...lines)).map(({ events }) => events);
    expect(inv6(received("0x7000", true), used("0x7000", true), used("0x9000", true), received("0x9000", true))).toEqual([]);
    expect(inv6(used("0x7000", true), used("0x8000", true), received("0x8000", true), received("0x7000", true))).toEqual([]);
    expect(inv6(used("0x7000"), received("0x7000", null))).toEqual([]);
    expect(inv6(received("0x6000", true), used("0x7000", true), used("0x9000", true), received("0x9000", true), received("0x8000", true))).toEqual([
      [3, 1],
      [3, 5],
    ]);
  });
  it("INV-6 does not judge a hop on which the lab itself changes messages", () => {
    const rule = { rule: "fault-0", do: "corrupt", direction: "vmm->guest", kind: "used", seq: 9 };
    const history = doctored("guest.event-received", { ids: { gva: "0x8000" } });
    expect(judgeBy([of("INV-6")], history)).toHaveLength(1);
    expect(judgeBy([of("INV-6")], [...history, ...written(["vmm0", "edge.rule", {}, rule])])).toEqual([]);
    // Of a message of another group it says nothing, unless it may have become one of this.
    const about = (grpid: number, more: object = {}) =>
      judgeBy([of("INV-6")], [...history, ...written(["vmm0", "edge.rule", { pasid: 5, grpid }, { ...rule, ...more }])]);
    expect(about(3)).toEqual([]);
    expect(about(4)).toHaveLength(1);
    expect(about(4, { field: "grpid" })).toEqual([]);
    expect(about(4, { do: "replay" })).toEqual([]);
  });
  it("INV-2 is violated when the host waits for the answer and finds no request for it (IC-418), unless the lab acts on that hop", () => {
    const refused = doctored("host.page-response", { ids: { pasid: undefined }, fields: { ret: -22 } });
    expect(judgeBy([of("INV-2")], refused)).toEqual([
      { invariant: "INV-2", message: "endpoint 0x8, PASID 5, group 3: the host waits for its answer and matched none with no PASID: it is lost", events: [4, 11] },
    ]);
    const rule = { rule: "fault-0", do: "drop", direction: "vmm->host", kind: "pwrite", seq: 9 };
    expect(judgeBy([of("INV-2")], [...refused, ...written(["vmm0", "edge.rule", {}, rule])])).toEqual([]);
    expect(judgeBy([of("INV-2")], [...written(...oneFault), ...written(["host", "host.page-response", { sid: "0x8", grpid: 3 }, { code: 0, ret: -22 }])])).toEqual([]);
  });
  it("INV-2 does not judge what the SMMU sends where the lab changed its commands, and everything else all the same", () => {
    const rule = written(["host", "edge.rule", {}, { rule: "fault-0", do: "corrupt", direction: "host->smmu", kind: "mmioWrite", seq: 9 }]);
    const inv2 = (history: TraceEvent[]) => judgeBy([of("INV-2")], history).length;
    const strange = doctored("prg-response.sent", { ids: { grpid: 0 } });
    expect([inv2(strange), inv2([...strange, ...rule])]).toEqual([1, 0]);
    expect(inv2([...doctored("host.pri-response", { ids: { pasid: 6 } }), ...rule])).toBe(1);
  });
  it("FL-I1 expects no function to take in a response that never asked for one", () => {
    expect(judgeBy([of("FL-I1")], written(["smmu", "prg-response.sent", { sid: "0x8", pasid: 5, grpid: 3 }, { code: 0 }]))).toEqual([]);
  });
  it("FL-I3 does not judge what a guest answered whose last words are lost, and judges the next one", () => {
    const unsaid = oneFault.filter(([, kind]) => kind !== "guest.page-response");
    const at = unsaid.findIndex(([, kind]) => kind === "vmm.page-response");
    const killed: Line = ["smmu", "lab.part", {}, { part: "guest0", did: "kill" }];
    const gone: Line = ["vmm0", "edge.break", {}, { edge: "virtio", direction: "vmm->guest", reason: "gone" }];
    const found = (...lines: Line[]) => judgeBy([of("FL-I3")], written(...lines)).length;
    expect(found(...unsaid)).toBe(1);
    expect(found(...unsaid.slice(0, at), killed, ...unsaid.slice(at))).toBe(0);
    expect(found(...unsaid.slice(0, at), killed, gone, ...unsaid.slice(at))).toBe(0);
    expect(found(killed, gone, ...unsaid)).toBe(1);
    expect(found(killed, ["smmu", "lab.part", {}, { part: "guest0", did: "start" }], ...unsaid)).toBe(1);
  });
  it("FL-I3 is satisfied when a page that a group asks for twice was made present once", () => {
    const [asked, handled, answered] = oneFault.slice(6, 9);
    const flI3 = (...lines: Line[]) => judgeBy([of("FL-I3")], written(...lines)).map(({ events }) => events);
    expect(flI3(asked, handled, asked, answered)).toEqual([]);
    expect(flI3(asked, asked, answered)).toEqual([[2, 3]]);
  });
  it("FL-I5 counts the uses of an index: one answer to two of them leaves one", () => {
    const reported = oneFault[3];
    const answer = oneFault[10];
    const flI5 = (...lines: Line[]) => judgeBy([of("FL-I5")], written(...lines)).map(({ events }) => events);
    expect(flI5(reported, reported, answer)).toEqual([[2]]);
    expect(flI5(reported, reported, answer, answer)).toEqual([]);
  });
  it("FL-I5 keeps a group pending when the host refuses its answer (IC-419), and drops it when the driver fails (IC-420)", () => {
    const answered = (ret: number) => judgeBy([of("FL-I5")], doctored("host.page-response", { fields: { ret } }));
    expect(answered(-22)).toHaveLength(1);
    expect(answered(-19)).toEqual([]);
  });
  it("FL-I5 is satisfied when a reset clears all three lists", () => {
    const lost = doctored("host.page-response", null);
    const reset = written(
      ["host", "host.groups-closed", { sid: "0x8" }, { groups: [3] }],
      ["vmm0", "vmm.function-reset", { endpoint: "0x8" }],
      ["guest0", "guest.function-reset", { endpoint: "0x8" }],
    );
    expect(judgeBy([of("FL-I5")], [...lost, ...reset])).toEqual([]);
  });
  it("a function reset closes what FL-I1, FL-I2 and FL-I4 hold open", () => {
    const open = doctored("endpoint.page-request", { fields: { last: false } }).slice(0, 1);
    expect(judgeBy([of("FL-I4")], open)).toHaveLength(1);
    const flr = written(["smmu", "endpoint.flr", { sid: "0x8" }]);
    for (const id of ["FL-I1", "FL-I2", "FL-I4"]) expect(judgeBy([of(id)], [...open, ...flr])).toEqual([]);
    expect(judgeBy([of("FL-I4")], [...open, ...written(["lab", "lab.part", {}, { part: "smmu", did: "kill" }])])).toEqual([]);
  });
});
