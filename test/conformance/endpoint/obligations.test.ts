import type { GroupOutcome } from "@faultline/smmu/core/endpoint/page-request-interface.ts";
import { describe, expect, it } from "vitest";
import { at, command, EndpointRig, priResp, SYNC } from "./endpoint-rig.ts";

const SID = 8;
const PASID = 5;
const [RING, DONE, DATA] = [0x7f00_0000_0000, 0x7f00_0001_0000, 0x7f00_0010_0000];
const CONTROL = 0x124,
  STATUS = 0x126,
  ALLOCATION = 0x12c,
  ATS_CONTROL = 0x116;
const RF = 1,
  UPRGI = 2,
  STOPPED = 0x100;
/** CMD_PRI_RESP.Resp. */
const FAILURE = 0,
  INVALID = 1,
  SUCCESS = 2;
const STATUS_OF = { success: 1, invalid: 3, failure: 4, aborted: 5, retryLimit: 7, stopped: 8 };

/** One accelerator with everything enabled and a queue of 64 entries; groups can be opened directly. */
function machine({
  allocation = 32,
  credits = 32,
  ...options
}: {
  allocation?: number;
  credits?: number;
  atc?: number;
  stopMarker?: boolean;
  pagesPerGroup?: number;
} = {}) {
  const rig = new EndpointRig([{ bdf: SID, credits, ...options }], { priqLog2: 6 });
  rig.enable(SID, { allocation });
  const outcomes: GroupOutcome[] = [];
  const { pages } = rig.accelerator();
  return {
    rig,
    outcomes,
    pages,
    open: (count = 1, pasid: number | null = PASID) =>
      pages.request(
        pasid,
        Array.from({ length: count }, (_, i) => ({ address: BigInt(DATA + 4096 * i), read: true, write: false, priv: false })),
        (outcome) => outcomes.push(outcome),
      ),
    config: (offset: number, value: number, size = 2) => rig.hardware.functions.get(SID)!.configWrite(offset, size, value),
    status: () => rig.hardware.functions.get(SID)!.configRead(STATUS, 2) & 0x7fff,
    respond: (prgi: number, resp: number, pasid: number | null = PASID) => rig.command(priResp(SID, pasid, prgi, resp)),
  };
}
/** The same with a job under way: crc32c of `pages` pages at DATA, of which none is there. */
function job(options: Parameters<typeof machine>[0] & { pages?: number; retryLimit?: number } = {}) {
  const base = machine(options);
  const { rig } = base;
  if (options.retryLimit !== undefined) rig.bar(SID, 0x014, options.retryLimit);
  const ring = rig.openQueue(SID, 0, PASID, RING);
  const done = rig.map(DONE);
  const submit = () => ring.submit({ op: 3, source: BigInt(DATA), length: BigInt(4096 * (options.pages ?? 1)), completion: BigInt(DONE) });
  submit();
  rig.run();
  return { ...base, ring, submit, completed: () => rig.completion(done) };
}
const sent = (rig: EndpointRig) => rig.tlps("page-request");

describe("allocation and credits (PCIe 10.4.1, 10.5.2.5; spec/pcie-ats-pri.md, section 3, rule 1)", () => {
  it("each request is outstanding from the opening of its group until the group's response", () => {
    const { rig, pages, open, respond } = machine();
    open(3);
    expect([pages.outstanding, pages.credits]).toEqual([3, 29]);
    rig.run();
    expect([pages.outstanding, rig.barRead(SID, 0x018)]).toEqual([3, 3]);
    respond(0, SUCCESS);
    expect([pages.outstanding, pages.credits]).toEqual([0, 32]);
  });
  it.each([
    ["the allocation where it is lower", 4, 32, 4],
    ["the capacity where the allocation is higher", 100, 6, 6],
    ["none with an allocation of 0", 0, 32, 0],
  ])("a job has outstanding at most %s", (_name, allocation, credits, most) => {
    const { rig } = job({ allocation, credits, pages: 40 });
    expect(sent(rig)).toHaveLength(most);
  });
  it("credits that return are used for what is still missing", () => {
    const { rig, respond } = job({ allocation: 2, pagesPerGroup: 2, pages: 4 });
    rig.map(DATA);
    rig.map(DATA + 4096);
    respond(0, SUCCESS);
    rig.run();
    expect(sent(rig).map(({ address }) => Number(address))).toEqual([DATA, DATA + 4096, DATA + 2 * 4096, DATA + 3 * 4096]);
  });
});

describe("groups (PCIe 10.4.1; rule 1)", () => {
  it("all requests of a group have its index and PASID; the last one has L, and no other", () => {
    const { rig } = job({ pages: 20, pagesPerGroup: 8 });
    const groups = Map.groupBy(sent(rig), ({ prgi }) => prgi);
    expect([...groups.values()].map((requests) => requests.length)).toEqual([8, 8, 4]);
    for (const requests of groups.values()) {
      expect(new Set(requests.map(({ pasid }) => pasid))).toEqual(new Set([PASID]));
      expect(requests.map(({ last }) => last)).toEqual(requests.map((_, i) => i === requests.length - 1));
    }
  });
  it("an index is not used again before its response, and every one of the 512 can be open", () => {
    const { rig, open, pages } = machine({ allocation: 1024, credits: 1024 });
    const opened = Array.from({ length: 513 }, () => open());
    expect([opened.filter(Boolean).length, opened.at(-1)]).toEqual([512, false]);
    expect(new Set(pages.openGroups().map(({ prgi }) => prgi)).size).toBe(512);
    rig.drainPriq();
  });
  it("a request without PASID is answered without one", () => {
    const { rig, open, outcomes, respond } = machine();
    open(1, null);
    rig.run();
    respond(0, SUCCESS, PASID);
    expect(outcomes).toEqual([]);
    respond(0, SUCCESS, null);
    expect(outcomes).toEqual(["success"]);
  });
});

describe("what a response makes of a job (PCIe 10.4.2; spec/pcie-ats-pri.md, 2.7)", () => {
  it("Success: the page is translated again, and the job ends", () => {
    const { rig, respond, completed } = job();
    rig.map(DATA);
    respond(0, SUCCESS);
    rig.run();
    expect(completed()).toBe(STATUS_OF.success);
  });
  it("Success that does not help is tried RETRY_LIMIT times, then status 7", () => {
    for (const retryLimit of [1, 2, 16]) {
      const { rig, respond, completed } = job({ retryLimit });
      for (let n = 0; n < 20; n++) {
        respond(n, SUCCESS);
        rig.run();
      }
      expect([sent(rig).length, completed()]).toEqual([retryLimit, STATUS_OF.retryLimit]);
    }
  });
  it("Invalid Request: status 3, the page is not asked for again", () => {
    const { rig, respond, completed } = job();
    respond(0, INVALID);
    rig.run();
    expect([sent(rig).length, completed()]).toEqual([1, STATUS_OF.invalid]);
  });
  it("Response Failure: status 4, RF, Stopped, and no more requests until PRI is enabled again", () => {
    const { rig, respond, completed, status, submit, config } = job();
    respond(0, FAILURE, null);
    rig.run();
    expect([completed(), status(), rig.barRead(SID, 0x00c) & 0x12]).toEqual([STATUS_OF.failure, RF | STOPPED, 0x12]);
    submit();
    rig.run();
    expect(sent(rig)).toHaveLength(1);
    config(CONTROL, 0);
    config(CONTROL, 1);
    expect(status()).toBe(0);
    submit();
    rig.run();
    expect(sent(rig)).toHaveLength(2);
  });
  it.each([2, 7, 0xe])("a reserved code, %i, is a Response Failure", (code) => {
    const { rig, open, status, outcomes } = machine();
    open();
    rig.run();
    rig.accelerator().prgResponse({ pasid: PASID, prgi: 0, code });
    expect([status(), outcomes]).toEqual([RF | STOPPED, ["failure"]]);
  });
  it("after a Response Failure responses are ignored: no UPRGI", () => {
    const { rig, open, status, outcomes, respond } = machine();
    open();
    open();
    rig.run();
    respond(0, FAILURE);
    respond(1, SUCCESS);
    respond(77, SUCCESS);
    expect([status(), outcomes]).toEqual([RF | STOPPED, ["failure", "failure"]]);
  });
  it.each<[string, number, number | null]>([
    ["an index that is not open", 1, PASID],
    ["no PASID where the request had one (PRG Response PASID Required)", 0, null],
    ["another PASID", 0, 6],
  ])("%s: Unexpected PRG Index, and the group stays open", (_name, prgi, pasid) => {
    const { rig, open, status, outcomes, respond, config, pages } = machine();
    open();
    rig.run();
    respond(prgi, SUCCESS, pasid);
    expect([status(), outcomes, pages.outstanding]).toEqual([UPRGI, [], 1]);
    config(STATUS, UPRGI);
    expect(status()).toBe(0);
    respond(0, SUCCESS);
    expect(outcomes).toEqual(["success"]);
  });
  it("a second response to a group is unexpected", () => {
    const { rig, open, status, respond, outcomes } = machine();
    open();
    rig.run();
    respond(0, SUCCESS);
    respond(0, SUCCESS);
    expect([status(), outcomes]).toEqual([UPRGI, ["success"]]);
  });
});

describe("enable, disable and reset of PRI (PCIe 10.5.2.3; rules 2 to 5)", () => {
  it("Enable 0 to 1 clears RF, UPRGI and Stopped", () => {
    const { respond, config, status, rig, open } = machine();
    respond(9, SUCCESS);
    open();
    rig.run();
    respond(0, FAILURE);
    expect(status()).toBe(RF | UPRGI | STOPPED);
    config(CONTROL, 0);
    config(CONTROL, 1);
    expect(status()).toBe(0);
  });
  it("Enable 1 to 0: Stopped at once with nothing outstanding, else with the last response", () => {
    const { rig, open, config, status, respond } = machine();
    config(CONTROL, 0);
    expect(status()).toBe(STOPPED);
    config(CONTROL, 1);
    open(2);
    open(1);
    rig.run();
    config(CONTROL, 0);
    expect(status()).toBe(0);
    respond(0, SUCCESS);
    expect(status()).toBe(0);
    respond(1, SUCCESS);
    expect(status()).toBe(STOPPED);
  });
  it("disabled with a Response Failure to come: Stopped at once", () => {
    const { rig, open, config, status, respond } = machine();
    open(1);
    open(1);
    rig.run();
    config(CONTROL, 0);
    respond(0, FAILURE);
    expect(status()).toBe(RF | STOPPED);
  });
  it("disabled: a group that was begun is finished with its Last, one that was not is dropped, none is begun", () => {
    const { rig, open, config, outcomes, pages } = machine();
    open(2);
    open(2);
    rig.hardware.step();
    config(CONTROL, 0);
    rig.run();
    expect(sent(rig).map(({ prgi, last }) => [prgi, last])).toEqual([
      [0, false],
      [0, true],
    ]);
    expect([outcomes, pages.credits]).toEqual([["closed"], 0]);
  });
  it("Reset while disabled, or with Enable cleared by the same write: nothing is outstanding, Stopped, the allocation stays", () => {
    for (const writes of [[0, 2], [2]]) {
      const { rig, open, config, status, outcomes, pages } = machine({ allocation: 17 });
      open(3);
      rig.run();
      for (const value of writes) config(CONTROL, value);
      expect([status(), outcomes, pages.outstanding, rig.accelerator().configRead(ALLOCATION, 4)]).toEqual([STOPPED, ["closed"], 0, 17]);
    }
  });
  it("Reset while Enable stays set does nothing", () => {
    const { rig, open, config, status, outcomes, pages } = machine();
    open(3);
    rig.run();
    config(CONTROL, 3);
    expect([status(), outcomes, pages.outstanding]).toEqual([0, [], 3]);
  });
  it("a response that comes after Reset is unexpected", () => {
    const { rig, open, config, status, respond } = machine();
    open();
    rig.run();
    config(CONTROL, 2);
    config(CONTROL, 1);
    respond(0, SUCCESS);
    expect(status()).toBe(UPRGI);
  });
  it("a job that waits when PRI is disabled and reset ends with status 5", () => {
    const { rig, config, completed } = job();
    config(CONTROL, 0);
    config(CONTROL, 2);
    rig.run();
    expect(completed()).toBe(STATUS_OF.aborted);
  });
});

describe("ATS obligations (PCIe 10.2, 10.3; rules 6 to 11)", () => {
  it("ATS Enable 1 to 0 empties the ATC, and no translated request or translation request follows", () => {
    const { rig, submit, config, completed } = job();
    expect(rig.accelerator().atc.size).toBeGreaterThan(0);
    config(CONTROL, 2);
    rig.run();
    config(ATS_CONTROL, 0);
    expect(rig.accelerator().atc.size).toBe(0);
    rig.map(DATA);
    const before = rig.trace.of("ats.translation-request").length;
    submit();
    rig.run();
    expect([completed(), rig.trace.of("ats.translation-request").length]).toEqual([STATUS_OF.success, before]);
  });
  it("an entry named by an invalidation is used no more once its completion is sent", () => {
    const { rig, submit, respond } = job();
    const pa = rig.map(DATA);
    respond(0, SUCCESS);
    rig.run();
    rig.stage1.unmap(DATA, 4096);
    const accesses = () => rig.trace.of("dma.access").filter(({ ids }) => ids.pa === `0x${pa.toString(16)}`).length;
    const before = accesses();
    rig.command(command(0x30n)); // CMD_TLBI_NSNH_ALL
    rig.command(SYNC, command(0x40n | 0x800n | (BigInt(PASID) << 12n) | (BigInt(SID) << 32n), BigInt(DATA)), SYNC);
    rig.run();
    expect(rig.unconsumed).toBe(0);
    submit();
    rig.run();
    expect([accesses(), sent(rig).length]).toEqual([before, 2]);
  });
  it("an invalidation between the translation and the access is obeyed: nothing is read through it", () => {
    const { rig, submit } = job({ atc: 16 });
    rig.map(DATA);
    rig.command(priResp(SID, PASID, 0, SUCCESS));
    for (let steps = 0; rig.accelerator().atc.lookup(PASID, false, BigInt(DATA)) === undefined && steps < 100; steps++) rig.hardware.step();
    rig.stage1.unmap(DATA, 4096);
    rig.command(command(0x30n), SYNC, command(0x40n | (BigInt(SID) << 32n), 52n), SYNC);
    rig.run();
    submit();
    rig.run();
    expect(sent(rig).filter(({ address }) => Number(address) === DATA).length).toBeGreaterThanOrEqual(2);
  });
  it("a page that is only readable is asked for again with NW = 0 before it is written", () => {
    const { rig } = machine();
    const ring = rig.openQueue(SID, 0, PASID, RING);
    rig.map(DONE);
    rig.map(DATA, false);
    ring.submit({ op: 2, destination: BigInt(DATA), length: 8n, completion: BigInt(DONE) });
    rig.run();
    expect(sent(rig)).toMatchObject([{ address: BigInt(DATA), read: false, write: true }]);
    expect(rig.trace.of("ats.translation-request").filter(({ ids }) => ids.iova === "0x7f0000100000")).toMatchObject([{ fields: { noWrite: false, W: false } }]);
  });
  it("a privileged access does not use an unprivileged entry, nor another PASID's (rule 10)", () => {
    const { rig, submit } = job();
    rig.accelerator().atc.fill(PASID, true, BigInt(DATA), { address: at.pages, shift: 12, R: true, W: true, Exe: false, U: false });
    rig.accelerator().atc.fill(PASID + 1, false, BigInt(DATA), { address: at.pages, shift: 12, R: true, W: true, Exe: false, U: false });
    submit();
    rig.run();
    expect(sent(rig)).toHaveLength(1);
  });
  it.each<[string, object]>([
    ["UR (EATS = 0)", { EATS: 0 }],
    ["CA (STE.V = 0)", { V: 0 }],
  ])("%s to a translation request: the job ends with status 5 and no page is requested (rule 11)", (_name, ste) => {
    const { rig, respond, ring } = job();
    rig.ste(SID, ste);
    rig.command(command(0x04n, 31n), SYNC); // CMD_CFGI_ALL
    respond(0, SUCCESS);
    rig.run();
    // The completion record is out of reach too unless its translation is cached: it is written from the ATC, or the queue halts.
    expect(sent(rig)).toHaveLength(1);
    expect(rig.barRead(SID, 0x00c) & 0x4).toBe(0x4);
    expect(ring.status() & 2).toBe(2);
  });
  it("bus master 0: nothing is sent at all (PCIe 7.5.1.1.3)", () => {
    const { rig, submit } = job();
    rig.accelerator().configWrite(0x04, 2, 0x2);
    const before = [rig.link.length, rig.trace.of("dma.access").length, rig.trace.of("ats.translation-request").length];
    rig.command(priResp(SID, PASID, 0, SUCCESS));
    submit();
    rig.run();
    expect([rig.link.length - 1, rig.trace.of("dma.access").length, rig.trace.of("ats.translation-request").length]).toEqual(before);
  });
});

describe("stop of a PASID (PCIe 10.4.1.2.1; rule 12)", () => {
  it("the Stop Marker follows the last request and its response, is not outstanding, and is not answered", () => {
    const { rig, ring, respond, completed, pages } = job({ stopMarker: true });
    ring.stop();
    rig.run();
    expect(sent(rig)).toHaveLength(1);
    respond(0, SUCCESS);
    rig.run();
    expect(sent(rig).at(-1)).toMatchObject({ pasid: PASID, last: true, read: false, write: false });
    expect([ring.status() & 4, completed(), pages.outstanding, rig.tlps("prg-response").length]).toEqual([4, STATUS_OF.stopped, 0, 1]);
  });
});

describe("FLR, hot-unplug and link down (PCIe 6.6.1, 6.6.2; rule 7)", () => {
  const away: [string, (rig: EndpointRig) => void][] = [
    ["FLR", (rig) => rig.accelerator().configWrite(0x48, 2, 0x8000)],
    [
      "link down and up",
      (rig) => {
        rig.accelerator().link("down");
        rig.accelerator().link("up");
      },
    ],
  ];
  it.each(away)("%s: open groups are closed, enables, allocation, BAR, ATC and queues are as after power-on", (_name, reset) => {
    const { rig, open, outcomes, pages, ring } = job();
    open(2);
    rig.run();
    reset(rig);
    const fn = rig.accelerator();
    expect(outcomes).toEqual(["closed"]);
    expect([pages.outstanding, fn.atc.size, ring.status(), fn.bars()]).toEqual([0, 0, 0, []]);
    expect([0x04, 0x106, ATS_CONTROL, CONTROL, STATUS, ALLOCATION].map((offset) => fn.configRead(offset, 2))).toEqual([0, 0, 0, 0, 0x8100, 0]);
  });
  it.each(away)("%s: a group in transmission stops where it is; a response that comes late is unexpected", (_name, reset) => {
    const { rig, open, status } = machine();
    open(3);
    rig.hardware.step();
    reset(rig);
    rig.run();
    expect(sent(rig)).toHaveLength(1);
    rig.command(priResp(SID, PASID, 0, SUCCESS));
    expect(status()).toBe(UPRGI | STOPPED);
  });
  it.each(away)("%s: after it the function works once it is set up again", (_name, reset) => {
    const { rig } = job();
    reset(rig);
    rig.enable(SID);
    const ring = rig.openQueue(SID, 1, PASID, RING + 4096);
    const done = rig.map(DONE + 4096);
    rig.map(DATA);
    ring.submit({ op: 3, source: BigInt(DATA), length: 8n, completion: BigInt(DONE + 4096) });
    rig.run();
    expect(rig.completion(done)).toBe(STATUS_OF.success);
  });
  it("while the link is down: configuration reads give ones, writes and responses are lost, no BAR decodes, nothing is sent", () => {
    const { rig, status } = job();
    const fn = rig.accelerator();
    fn.link("down");
    fn.configWrite(0x04, 2, 6);
    rig.command(priResp(SID, PASID, 0, SUCCESS));
    expect([fn.configRead(0, 4), fn.configRead(STATUS, 2), fn.configRead(0x34, 1), fn.bars()]).toEqual([0xffff_ffff, 0xffff, 0xff, []]);
    expect(rig.run()).toBe(0);
    expect(sent(rig)).toHaveLength(1);
    fn.link("up");
    expect([fn.configRead(0x04, 2), status()]).toEqual([0, STOPPED]);
  });
  it("power-on brings a function back whose link was down", () => {
    const { rig } = machine();
    rig.accelerator().link("down");
    rig.hardware.reset();
    expect(rig.accelerator().configRead(0, 4)).toBe(0x5a01_1234);
  });
});
