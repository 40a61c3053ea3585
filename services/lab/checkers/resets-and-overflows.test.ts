import { describe, expect, it } from "vitest";
import { flAbort } from "./fl-abort.ts";
import { judgeBy } from "./index.ts";
import { inv2 } from "./inv-2.ts";
import { ordOverflow } from "./ord-overflow.ts";
import { ordReset } from "./ord-reset.ts";
import { type Line, oneFault, written } from "./test-support/written-history.ts";

const messages = (checker: Parameters<typeof judgeBy>[0][number], ...lines: Line[]) => judgeBy([checker], written(...lines)).map(({ message }) => message);

describe("ORD-OVERFLOW: drained, then acknowledged (Arm IHI 0070 G.b, 8.1; S19, S20)", () => {
  const record: Line = ["smmu", "pri-queue.record", { sid: "0x8" }];
  const taken: Line = ["host", "host.pri-record", { sid: "0x8" }];
  const refused: Line = ["smmu", "pri-queue.auto-response", { sid: "0x8" }, { code: 0 }];
  const acknowledged: Line = ["host", "host.queue-overflow", {}, { queue: "PRIQ", discarded: 0 }];

  it("is kept by a driver that takes everything out first, whatever is refused until its write arrives", () => {
    expect(messages(ordOverflow, record, refused, taken, refused, acknowledged, refused, record, taken)).toEqual([]);
  });
  it("is violated by an acknowledgement with records of before the overflow in the queue (S20)", () => {
    expect(messages(ordOverflow, record, record, refused, taken, acknowledged)).toEqual([
      "the overflow that refused a request at #3 was acknowledged with 1 records of before it still in the queue: no drain before #5",
    ]);
  });
  it("is violated by a driver that drains and never acknowledges (S19)", () => {
    expect(messages(ordOverflow, record, refused, taken, refused)).toEqual([
      "the overflow that refused a request at #2 was never acknowledged although the queue is empty: 2 requests were refused since",
    ]);
  });
  it("does not accuse a driver that was never woken, is gone, or sees the EVENTQ overflow; nor takes Response Failure of a disabled queue for an overflow", () => {
    expect(messages(ordOverflow, record, refused)).toEqual([]);
    expect(messages(ordOverflow, record, refused, taken, ["smmu", "edge.break", {}, { edge: "smmu" }])).toEqual([]);
    expect(messages(ordOverflow, record, taken, ["smmu", "pri-queue.auto-response", { sid: "0x8" }, { code: 15 }])).toEqual([]);
    expect(messages(ordOverflow, record, record, refused, ["host", "host.queue-overflow", {}, { queue: "EVENTQ" }])).toEqual([]);
  });
});

describe("ORD-RESET: no ATS invalidation under way at a function that is reset (PCIe 10.3; S13)", () => {
  const asked = (sid = "0x8"): Line => ["smmu", "ats.invalidate-request", { sid }, { itag: 0 }];
  const completed: Line = ["smmu", "ats.invalidate-completion", { sid: "0x8" }, { itag: 0 }];
  const flr: Line = ["smmu", "endpoint.flr", { sid: "0x8" }];

  it("is kept when the completion, or the CMD_SYNC behind it, comes first", () => {
    expect(messages(ordReset, asked(), completed, flr)).toEqual([]);
    expect(messages(ordReset, asked(), ["smmu", "command.executed", {}, { name: "CMD_SYNC" }], flr)).toEqual([]);
    expect(messages(ordReset, asked("0x10"), flr)).toEqual([]);
  });
  it("is violated by a reset in between", () => {
    expect(messages(ordReset, asked(), flr, completed)).toEqual([
      "endpoint 0x8 was reset at #2 with the ATS invalidation of #1 (ITag 0) under way: no completion between",
    ]);
  });
  it("does not accuse a driver whose wait for the completion timed out", () => {
    expect(messages(ordReset, asked(), ["host", "host.command-timeout", {}, { commands: [] }], flr)).toEqual([]);
    expect(messages(ordReset, ["host", "host.command-timeout", {}, { commands: [] }], asked(), flr)).toHaveLength(1);
  });
});

describe("ORD-RESET: a function is reset between two users (S16)", () => {
  const attach: Line = ["guest0", "guest.attach-table", { endpoint: "0x8", domain: 1 }];
  const worked = (sid = "0x8"): Line => ["smmu", "endpoint.job-start", { sid, pasid: 5 }];
  const flr = (sid = "0x8"): Line => ["smmu", "endpoint.flr", { sid }];
  const killed = (part: string): Line => ["lab", "lab.part", {}, { part, did: "kill" }];

  it("is kept by a reset, by the loss of power, and by a function that has not worked", () => {
    expect(messages(ordReset, attach, worked(), flr(), attach)).toEqual([]);
    expect(messages(ordReset, attach, worked(), killed("smmu"), attach)).toEqual([]);
    expect(messages(ordReset, attach, worked("0x10"), attach)).toEqual([]);
  });
  it("is violated by a kernel that finds the function as the one before left it", () => {
    const expected = ["endpoint 0x8 was attached by guest0 at #4 as its former user left it at #2: no reset between"];
    expect(messages(ordReset, attach, worked(), killed("host"), attach)).toEqual(expected);
    expect(messages(ordReset, attach, worked(), flr("0x10"), attach)).toEqual(expected);
  });
});

describe("FL-ABORT: the VMM answers what finds no guest (spec/flow.md, abort matrix; S34)", () => {
  const gone: Line = ["vmm0", "edge.break", {}, { edge: "virtio" }];
  const group = { endpoint: "0x8", pasid: 5, grpid: 3 };
  const drained: Line = ["vmm0", "vmm.fault-drained", group, { last: true }];

  it("is kept by INVALID of the VMM, and by a new guest that takes it", () => {
    expect(messages(flAbort, gone, drained, ["vmm0", "vmm.group-refused", group, { code: 1 }])).toEqual([]);
    expect(messages(flAbort, gone, drained, ["vmm0", "vmm.event-used", group, { head: 0, last: true }])).toEqual([]);
  });
  it("is violated by silence, also when a reset closes the group later", () => {
    expect(messages(flAbort, gone, drained, ["smmu", "endpoint.flr", { sid: "0x8" }])).toEqual([
      "endpoint 0x8, PASID 5, group 3: the VMM took it at #2, its guest is gone since #1: no answer INVALID after it",
    ]);
  });
  it("is violated by the silence of a VMM that had the request when its guest went", () => {
    expect(messages(flAbort, drained, gone, ["vmm0", "vmm.function-reset", { endpoint: "0x8" }, { groups: [] }])).toEqual([
      "endpoint 0x8, PASID 5, group 3: the VMM took it at #1, its guest is gone since #2: no answer INVALID after it",
    ]);
  });
  it("is kept when the request was answered, by the guest before it went or by the VMM after that, or closed by a reset before", () => {
    expect(messages(flAbort, drained, ["vmm0", "vmm.page-response", group, { code: 0 }], gone)).toEqual([]);
    expect(messages(flAbort, drained, gone, ["vmm0", "vmm.group-refused", group, { code: 1 }])).toEqual([]);
    expect(messages(flAbort, drained, ["vmm0", "vmm.function-reset", { endpoint: "0x8" }, { groups: [3] }], gone)).toEqual([]);
    expect(messages(flAbort, drained, ["vmm0", "vmm.function-reset", { endpoint: "0x10" }, { groups: [] }], gone)).toHaveLength(1);
  });
  it("asks nothing for a request that is not the last, of a VMM whose guest runs, or of one that died too", () => {
    expect(messages(flAbort, gone, ["vmm0", "vmm.fault-drained", group, { last: false }])).toEqual([]);
    expect(messages(flAbort, ["vmm0", "edge.break", {}, { edge: "vfio" }], drained)).toEqual([]);
    expect(messages(flAbort, gone, drained, ["vmm0", "edge.break", {}, { edge: "vfio" }])).toEqual([]);
  });
});

describe("INV-2 after a reset: an answer is for a group of after it (S32)", () => {
  const [asked, answer] = ["vmm.fault-drained", "vmm.page-response"].map((kind) => oneFault.find((line) => line[1] === kind)!);
  const reset: Line = ["vmm0", "vmm.function-reset", { endpoint: "0x8" }, { groups: [3] }];

  it("is kept by the group that asks again, and at another function", () => {
    expect(messages(inv2, asked, reset, asked, answer)).toEqual([]);
    expect(messages(inv2, asked, ["vmm0", "vmm.function-reset", { endpoint: "0x10" }, { groups: [] }], answer)).toEqual([]);
  });
  it("is violated by a late answer that the VMM, or the host, still takes", () => {
    expect(messages(inv2, asked, reset, answer)).toEqual(["endpoint 0x8, PASID 5, group 3: the VMM answered a group that nobody asked about"]);
    const [record, response] = ["host.pri-record", "host.pri-response"].map((kind) => oneFault.find((line) => line[1] === kind)!);
    expect(messages(inv2, record, ["host", "host.groups-closed", { sid: "0x8" }, { groups: [3] }], response)).toEqual([
      "endpoint 0x8, PASID 5, group 3: the host answered a group that nobody asked about",
    ]);
  });
});
