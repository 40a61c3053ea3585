import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import type { TraceEvent, TraceFields, TraceIds } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { criticalMessages, firstFault } from "./first-fault.ts";
import { summarize } from "./summary.ts";
import { demoText } from "./text.ts";

const ids = { sid: "0x8", pasid: 1, grpid: 5, iova: "0x7000" };
let n = 0;
const event = (kind: string, given: TraceIds, fields: TraceFields = {}): TraceEvent => ({
  n: ++n,
  t: n * 1000,
  lamport: n,
  who: "x",
  kind,
  ids: given,
  fields,
  cause: null,
});
const message = (...records: string[]) => event("edge.send", {}, { records });

/** A fault of two pages in group 5, as the four services trace it. */
const history = (): TraceEvent[] => {
  n = 0;
  return [
    event("guest.cd-written", { endpoint: "0x8", pasid: 1 }, { valid: true, ttb0: "0x80001000" }),
    event("endpoint.atc-miss", { sid: "0x8", pasid: 1, iova: "0x7000" }),
    event("ats.translation-request", { sid: "0x8", pasid: 1, iova: "0x7000" }, { status: "SC", count: 1, R: false, W: false }),
    event("endpoint.page-request", ids, { last: false }),
    event("pri-queue.record", ids, { last: false }),
    message("priq-record sid=0x8 grpid=5 pasid=1 Last=0"),
    event("endpoint.page-request", { ...ids, iova: "0x8000" }, { last: true }),
    event("pri-queue.record", { ...ids, iova: "0x8000" }, { last: true }),
    message("priq-record sid=0x8 grpid=5 pasid=1 Last=1", "priq-record sid=0x8 grpid=6 pasid=1 Last=1"),
    event("host.fault-reported", { ...ids, fd: 7 }, { record: 0 }),
    message("dma-fault pasid=1 grpid=5 last=false", "dma-fault pasid=1 grpid=5 last=true"),
    message("event-report pasid=1 grpid=5 last=true"),
    event("guest.event-received", { endpoint: "0x8", pasid: 1, grpid: 5, gva: "0x7000" }),
    event("guest.page-response", { endpoint: "0x8", pasid: 1, grpid: 5 }, { code: 0 }),
    message("page-resp-request pasid=1 grpid=5 resp_code=0"),
    message("page-response pasid=1 grpid=5 code=0"),
    event("host.pri-response", ids, { resp: 2 }),
    message("command grpid=5 pasid=1 name=CMD_PRI_RESP Resp=2"),
    event("endpoint.prg-response", { sid: "0x8", pasid: 1, grpid: 5 }, { code: 0 }),
    event("endpoint.atc-fill", { sid: "0x8", pasid: 1, iova: "0x7000", pa: "0x40001000" }),
  ];
};

describe("the first fault of a history (spec/flow.md, a to h)", () => {
  it("is eight steps, timed from the miss", () => {
    const fault = firstFault(history())!;
    expect(fault.steps.map(({ step, us }) => [step, us])).toEqual([
      ["a", -1],
      ["b", 0],
      ["c", 1],
      ["d", 3],
      ["e", 8],
      ["f", 11],
      ["g", 12],
      ["h", 17],
    ]);
    expect(fault.steps[7].fields).toMatchObject({ grpid: 5, resp: 2, pa: "0x40001000" });
  });
  it("took six messages: those that carried its last request up and its response down", () => {
    expect(firstFault(history())!.criticalMessages).toBe(6);
  });
  it("took more when one of them crossed twice", () => {
    const window = [...history(), message("page-response pasid=1 grpid=5 code=0")];
    expect(criticalMessages(window, window[3])).toBe(7);
  });
  it("did not take those of another function or PASID whose group has the same index", () => {
    const window = history();
    window.splice(
      8,
      0,
      message("priq-record sid=0x10 grpid=5 pasid=1 Last=1"),
      message("page-response pasid=2 grpid=5 code=0"),
      message("event-report endpoint=0x8 pasid=3 grpid=5 last=true"),
    );
    expect(criticalMessages(window, window[3])).toBe(6);
  });
  it("is none in a history without page requests, or without an answer", () => {
    expect(firstFault([])).toBeNull();
    expect(firstFault(history().filter(({ kind }) => kind !== "endpoint.prg-response"))).toBeNull();
  });
});

describe("the demo's report", () => {
  it("counts requests, groups and responses", () => {
    expect(summarize(history())).toEqual({ pageRequests: 2, groups: 1, responses: 1, roundTripUs: { p50: 15, p99: 15 } });
  });
  it("has at most 25 lines", () => {
    const { steps, criticalMessages: count } = firstFault(history())!;
    const text = demoText(defaultMachine, "test", {
      ok: true,
      operation: "copy",
      inputBytes: 8192,
      digest: "00",
      queues: Array.from({ length: 32 }, (_, i) => ({ endpoint: `0x${8 * (1 + (i >> 2))}`, queue: i & 3, pasid: i + 1, digest: "00", faultsHandled: 37 })),
      criticalMessages: count,
      firstFault: steps,
      ...summarize(history()),
    });
    expect(text.split("\n").length).toBeLessThanOrEqual(25);
    for (const letter of "abcdefgh") expect(text).toMatch(new RegExp(`^ +${letter} `, "m"));
  });
});
