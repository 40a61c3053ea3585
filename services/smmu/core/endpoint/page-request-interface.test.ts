import { describe, expect, it } from "vitest";
import { acceleratorRig } from "../../test-support/fake-upstream.ts";
import type { GroupOutcome, PageNeed } from "./page-request-interface.ts";

const STATUS = 0x126,
  CONTROL = 0x124;
const STOPPED = 0x100,
  RF = 1,
  UPRGI = 2,
  PASID_REQUIRED = 0x8000;
const pages = (count: number): PageNeed[] => Array.from({ length: count }, (_, i) => ({ address: BigInt(i) << 12n, read: true, write: false, priv: false }));

function rig() {
  const base = acceleratorRig({ credits: 8 });
  base.enableFunction();
  const outcomes: GroupOutcome[] = [];
  return {
    ...base,
    outcomes,
    open: (pasid: number | null, count = 1) => base.fn.pages.request(pasid, pages(count), (outcome) => outcomes.push(outcome)),
    status: () => base.fn.configRead(STATUS, 2) & ~PASID_REQUIRED,
    answer: (prgi: number, code: number, pasid: number | null = 5) => base.fn.prgResponse({ prgi, code, pasid }),
  };
}

describe("page request groups and credits (PCIe 10.4.1)", () => {
  it("counts each request until the group's response, at most the capacity whatever is allocated", () => {
    const { fn, open, run, answer } = rig();
    expect(fn.configRead(0x12c, 4)).toBe(32);
    expect(fn.pages.credits).toBe(8);
    open(5, 6);
    run();
    expect(fn.pages.credits).toBe(2);
    answer(0, 0);
    expect(fn.pages.credits).toBe(8);
  });
  it("uses nine bits of PRG index, none twice while it is open", () => {
    const { fn, open, run, answer, upstream } = rig();
    for (let n = 0; n < 600; n++) {
      open(5);
      run();
      if (n > 0) answer(upstream.pageRequests[n].prgi, 0);
    }
    const indices = upstream.pageRequests.map(({ prgi }) => prgi);
    expect(Math.max(...indices)).toBe(511);
    expect(indices.slice(1)).not.toContain(0); // group 0 was open all the time
    expect(fn.pages.outstanding).toBe(1);
  });
});

describe("PRG responses (PCIe 10.4.2)", () => {
  it("an index that is not open sets UPRGI, which is write 1 to clear", () => {
    const { fn, answer, status } = rig();
    answer(3, 0);
    expect(status()).toBe(UPRGI);
    fn.configWrite(STATUS, 2, UPRGI);
    expect(status()).toBe(0);
  });
  it("a response before Last, and one whose PASID does not fit, are unexpected", () => {
    const { open, fn, answer, status, outcomes } = rig();
    open(5, 2);
    fn.step();
    answer(0, 0);
    expect([status(), outcomes]).toEqual([UPRGI, []]);
    fn.step();
    answer(0, 0, null);
    answer(0, 0, 6);
    expect(outcomes).toEqual([]);
    answer(0, 0);
    expect(outcomes).toEqual(["success"]);
  });
  it.each([0xf, 2, 7])("code %i is a Response Failure: RF and Stopped, every open group ends, later responses are ignored", (code) => {
    const { open, run, answer, status, outcomes, fn } = rig();
    open(5);
    open(6);
    run();
    answer(0, code, null);
    expect([status(), outcomes, fn.pages.outstanding]).toEqual([RF | STOPPED, ["failure", "failure"], 0]);
    answer(1, 0, 6);
    expect([status() & UPRGI, fn.pages.credits]).toEqual([0, 0]);
  });
  it("a Response Failure is taken before the group's Last too, and then nothing more of it is sent", () => {
    const { open, run, upstream, answer, outcomes } = rig();
    upstream.onPageRequest = ({ prgi }) => answer(prgi, 0xf, null);
    open(5, 3);
    run();
    expect([upstream.pageRequests.length, outcomes]).toEqual([1, ["failure"]]);
  });
});

describe("enable, disable and reset of PRI (PCIe 10.5.2)", () => {
  it("Enable clears RF, UPRGI and Stopped", () => {
    const { fn, open, run, answer, status } = rig();
    open(5);
    run();
    answer(0, 0xf);
    fn.configWrite(CONTROL, 2, 0);
    expect(status() & STOPPED).toBe(STOPPED);
    fn.configWrite(CONTROL, 2, 1);
    expect(status()).toBe(0);
    expect(fn.pages.credits).toBe(8);
  });
  it("disable drops groups not begun, finishes the one that was, and is Stopped with its response", () => {
    const { fn, open, run, answer, status, outcomes, upstream } = rig();
    open(5, 2);
    open(6, 2);
    fn.step();
    fn.configWrite(CONTROL, 2, 0);
    expect([status(), outcomes, open(7) && fn.pages.credits]).toEqual([0, ["closed"], 0]);
    run();
    expect(upstream.pageRequests.filter(({ pasid }) => pasid !== 7)).toMatchObject([
      { pasid: 5, last: false },
      { pasid: 5, last: true },
    ]);
    answer(0, 0);
    for (const { prgi, pasid } of upstream.pageRequests.filter((request) => request.pasid === 7)) answer(prgi, 0, pasid);
    expect(status()).toBe(STOPPED);
  });
  it("Reset while disabled, or cleared by the same write, closes what is open; while enabled it does nothing", () => {
    const { fn, open, run, status, outcomes, tracer } = rig();
    open(5, 2);
    run();
    fn.configWrite(CONTROL, 2, 3);
    expect(outcomes).toEqual([]);
    fn.configWrite(CONTROL, 2, 2);
    expect([status(), outcomes, fn.pages.outstanding, fn.configRead(CONTROL, 2), fn.configRead(0x12c, 4)]).toEqual([STOPPED, ["closed"], 0, 0, 32]);
    expect(tracer.of("endpoint.group-closed")).toHaveLength(1);
  });
});
