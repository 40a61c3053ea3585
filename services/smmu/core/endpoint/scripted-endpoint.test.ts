import { silentTracer } from "@faultline/shared/trace/tracer.ts";
import { describe, expect, it } from "vitest";
import { endpointOptions, FakeUpstream, testEngine } from "../../test-support/fake-upstream.ts";
import { createFunction } from "./create-function.ts";
import { ScriptedEndpoint } from "./scripted-endpoint.ts";

function rig() {
  const upstream = new FakeUpstream();
  const timers: { ns: number; expired(): void }[] = [];
  const fn = createFunction({ ...endpointOptions, kind: "scripted" }, upstream, {
    tracer: silentTracer,
    held: () => false,
    engine: testEngine,
    now: () => 0,
    timer(ns, expired) {
      timers.push({ ns, expired });
      return { cancel() {} };
    },
  });
  if (!(fn instanceof ScriptedEndpoint)) throw new Error("kind scripted makes a ScriptedEndpoint");
  return { upstream, timers, fn };
}

describe("scripted endpoint (interfaces.md, section 6)", () => {
  it("sends DMA whatever its enables say, and returns the outcome", () => {
    const { fn, upstream } = rig();
    upstream.map(5, 0x1000n);
    expect(fn.dma({ pasid: 5, write: true, iova: 0x1004n, bytes: Uint8Array.of(1, 2) })).toEqual({ status: "SC" });
    expect(fn.dma({ pasid: 5, write: false, iova: 0x1004n, length: 2 })).toEqual({ status: "SC", data: Uint8Array.of(1, 2) });
    expect(fn.dma({ pasid: 6, write: false, iova: 0x1004n, length: 2 })).toEqual({ status: "CA" });
  });
  it("reaches an address that nobody granted by a translated request", () => {
    const { fn, upstream } = rig();
    upstream.frame(0x4100_0000)[3] = 9;
    expect(fn.translatedDma({ write: false, pa: 0x4100_0003n, length: 1 })).toEqual({ status: "SC", data: Uint8Array.of(9) });
  });
  it("translates", () => {
    const { fn, upstream } = rig();
    upstream.map(null, 0x1000n, 1, false);
    expect(fn.translate({ address: 0x1000n })).toMatchObject({ status: "SC", entries: [{ R: true, W: false }] });
  });
  it("floods with one-page groups, and notes responses and those that nobody asked for", () => {
    const { fn, upstream } = rig();
    fn.flood({ pasid: 5, prgi: 510, read: true, write: false, address: 0x1000n, count: 3 });
    expect(upstream.pageRequests.map(({ prgi, address, last }) => [prgi, address, last])).toEqual([
      [510, 0x1000n, true],
      [511, 0x2000n, true],
      [0, 0x3000n, true],
    ]);
    fn.prgResponse({ pasid: 5, prgi: 511, code: 0 });
    fn.prgResponse({ pasid: 5, prgi: 9, code: 0 });
    expect(fn.responses).toEqual([
      { pasid: 5, prgi: 511, code: 0, expected: true },
      { pasid: 5, prgi: 9, code: 0, expected: false },
    ]);
    expect(fn.configRead(0x126, 2) & 2).toBe(2);
  });
  it("what nobody takes does not grow: 8,192 of each kind at most, and how many went is told", () => {
    const { fn } = rig();
    for (let n = 0; n < 20_000; n++) {
      fn.prgResponse({ pasid: null, prgi: n % 512, code: 0 });
      if (n < 9000) fn.invalidateRequest({ pasid: null, global: false, address: 0n, sizeBytes: 4096n, itag: n % 32 });
    }
    expect([fn.responses.length, fn.invalidations.length].every((kept) => kept >= 4096 && kept <= 8192)).toBe(true);
    expect(fn.dropped).toBe(29_000 - fn.responses.length - fn.invalidations.length);
    expect(fn.responses.at(-1)).toMatchObject({ prgi: 19_999 % 512 });
  });
  it("sends no more bits of index, PASID and address than the link has (PCIe 10.4.1, 6.20)", () => {
    const { fn, upstream } = rig();
    fn.flood({ pasid: 0x10_0005, prgi: 1023, read: true, write: false, address: 0xffff_ffff_ffff_f000n, count: 2 });
    expect(upstream.pageRequests.map(({ pasid, prgi, address }) => [pasid, prgi, address])).toEqual([
      [5, 511, 0xffff_ffff_ffff_f000n],
      [5, 0, 0n],
    ]);
  });
  it("a Stop Marker is L with R = W = 0 and opens no group", () => {
    const { fn, upstream } = rig();
    fn.stopMarker({ pasid: 5 });
    expect(upstream.pageRequests).toMatchObject([{ pasid: 5, last: true, read: false, write: false }]);
    fn.prgResponse({ pasid: 5, prgi: 0, code: 0 });
    expect(fn.responses[0].expected).toBe(false);
  });
  it("completes an invalidation at once, later, never, or on its own account", () => {
    const { fn, upstream, timers } = rig();
    const invalidate = (itag: number) => fn.invalidateRequest({ pasid: null, global: false, address: 0n, sizeBytes: 4096n, itag });
    invalidate(0);
    fn.invalidationPolicy = { afterNs: 7 };
    invalidate(1);
    fn.invalidationPolicy = "never";
    invalidate(2);
    expect([upstream.invalidateCompletions.map(({ itagVector }) => itagVector), timers.map(({ ns }) => ns)]).toEqual([[1], [7]]);
    timers[0].expired();
    fn.completeInvalidation({ itag: 31 });
    expect(upstream.invalidateCompletions.map(({ itagVector }) => itagVector)).toEqual([1, 2, 0x8000_0000]);
  });
  it("is not there while its link is down", () => {
    const { fn, upstream } = rig();
    fn.link("down");
    expect([fn.configRead(0, 2), fn.dma({ write: false, iova: 0n, length: 1 }), fn.bars()]).toEqual([0xffff, { status: "UR" }, []]);
    fn.pageRequest({ prgi: 0, last: true, read: true, write: false, address: 0n });
    expect(upstream.tlps).toEqual([]);
    fn.link("up");
    expect(fn.configRead(0, 4)).toBe(0x5a02_1234);
  });
});
