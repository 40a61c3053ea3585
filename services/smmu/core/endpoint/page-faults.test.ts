import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { completed, DESTINATION, DONE, noise, PASID, RING, ready, SOURCE, statusOf, submit } from "../../test-support/accelerator-job.ts";
import { acceleratorRig, completionOf, descriptorBytes } from "../../test-support/fake-upstream.ts";

const SUCCESS = 0,
  INVALID = 1,
  FAILURE = 0xf;

describe("page faults of a job (PCIe 10.4; flow.md c, d, h)", () => {
  it("asks for missing pages of source and destination in one group, the last one with L", () => {
    const rig = ready();
    submit(rig, { op: 1, source: SOURCE, destination: DESTINATION, length: 3n * 4096n });
    rig.run();
    expect(rig.upstream.pageRequests).toMatchObject([
      { pasid: PASID, address: SOURCE, prgi: 0, last: false, read: true, write: false },
      { address: DESTINATION, prgi: 0, last: false, read: false, write: true },
      { address: SOURCE + 4096n, last: false },
      { address: DESTINATION + 4096n, last: false },
      { address: SOURCE + 8192n, last: false },
      { address: DESTINATION + 8192n, last: true },
    ]);
    expect(rig.read32(0x018)).toBe(6);
  });
  it("goes on after SUCCESS where it was, and finishes with the right bytes", () => {
    const rig = ready();
    submit(rig, { op: 1, source: SOURCE, destination: DESTINATION, length: 3n * 4096n });
    rig.run();
    rig.upstream.map(PASID, SOURCE, 3);
    rig.upstream.map(PASID, DESTINATION, 3);
    rig.upstream.poke(PASID, SOURCE, noise(3 * 4096));
    rig.respond(SUCCESS);
    rig.run();
    expect(completed(rig)).toMatchObject({ status: 1, bytesDone: 3n * 4096n });
    expect(rig.upstream.peek(PASID, DESTINATION, 3 * 4096)).toEqual(noise(3 * 4096));
    expect(rig.read32(0x018)).toBe(0);
  });
  it("holds each group to PAGES_PER_GROUP, and all of them to the credits", () => {
    const few = ready({ pagesPerGroup: 4, credits: 10 });
    submit(few, { op: 3, source: SOURCE, length: 20n * 4096n });
    few.run();
    const { pageRequests } = few.upstream;
    expect(pageRequests.map(({ prgi }) => prgi - pageRequests[0].prgi)).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 2, 2]);
    expect(pageRequests.map(({ last }) => last)).toEqual([false, false, false, true, false, false, false, true, false, true]);
    const poor = ready({ credits: 3 });
    submit(poor, { op: 3, source: SOURCE, length: 20n * 4096n });
    poor.run();
    expect(poor.upstream.pageRequests).toHaveLength(3);
  });
  it("does not ask for pages ahead that are there", () => {
    const rig = ready();
    rig.upstream.map(PASID, SOURCE + 4096n);
    submit(rig, { op: 3, source: SOURCE, length: 3n * 4096n });
    rig.run();
    expect(rig.upstream.pageRequests.map(({ address }) => address)).toEqual([SOURCE, SOURCE + 8192n]);
  });
  it("asks for a page that is only readable when it must be written", () => {
    const rig = ready();
    rig.upstream.map(PASID, DESTINATION, 1, false);
    submit(rig, { op: 2, destination: DESTINATION, length: 8n });
    rig.run();
    expect(rig.upstream.pageRequests).toMatchObject([{ address: DESTINATION, read: false, write: true, last: true }]);
  });
  it("asks for the pages of ring and completion too", () => {
    const rig = acceleratorRig();
    rig.enableFunction();
    rig.openQueue(0, PASID, RING);
    rig.write32(0x1014, 1);
    rig.run();
    rig.upstream.map(PASID, RING);
    rig.upstream.poke(PASID, RING, descriptorBytes({ op: 0, completion: DONE }));
    rig.respond(SUCCESS);
    rig.run();
    rig.upstream.map(PASID, DONE);
    rig.respond(SUCCESS, 1);
    rig.run();
    expect(rig.upstream.pageRequests.map(({ address, write }) => [address, write])).toEqual([
      [RING, false],
      [DONE, true],
    ]);
    expect(completed(rig).status).toBe(1);
  });
  it("goes on when the automatic response comes before the request has returned, with nothing else to wake it (Arm IHI 0070 G.b, 8.1)", () => {
    for (const pagesPerGroup of [1, 8]) {
      const rig = ready({ pagesPerGroup });
      let discarded = 0;
      rig.upstream.onPageRequest = ({ address, last, pasid, prgi }) => {
        // The first three groups are lost to an overflow; from then on the page is there when Success comes.
        if (last && ++discarded > 3) for (const page of [SOURCE, SOURCE + 4096n]) rig.upstream.mapped(PASID, page) || rig.upstream.map(PASID, page);
        if (last) rig.fn.prgResponse({ pasid, prgi, code: SUCCESS });
        expect(address).toBeGreaterThanOrEqual(SOURCE);
      };
      submit(rig, { op: 3, source: SOURCE, length: 4104n });
      rig.run();
      expect(completed(rig).status).toBe(1);
      expect(rig.read32(0x018)).toBe(0);
    }
  });
  it("INVALID ends the job with status 3 and the address", () => {
    const rig = ready();
    submit(rig, { op: 3, source: SOURCE + 16n, length: 8n });
    rig.run();
    rig.respond(INVALID);
    rig.run();
    expect(completed(rig)).toMatchObject({ status: 3, bytesDone: 0n, faultAddress: SOURCE + 16n });
    expect(rig.read32(0x020)).toBe(Number((SOURCE + 16n) & 0xffff_ffffn));
    expect(rig.upstream.pageRequests).toHaveLength(1);
  });
  it("FAILURE ends it with status 4, sets RF, and a later miss asks for nothing", () => {
    const rig = ready();
    submit(rig, { op: 3, source: SOURCE, length: 8n });
    rig.run();
    rig.respond(FAILURE);
    rig.run();
    expect(completed(rig).status).toBe(4);
    expect(rig.fn.configRead(0x126, 2)).toBe(0x8101);
    expect(rig.read32(0x00c)).toBe(0x12);
    expect(statusOf(rig, { op: 3, source: SOURCE, length: 8n })).toBe(4);
    expect(rig.upstream.pageRequests).toHaveLength(1);
  });
  it("gives up with status 7 after RETRY_LIMIT responses SUCCESS that did not help", () => {
    const rig = ready();
    rig.write32(0x014, 3);
    submit(rig, { op: 3, source: SOURCE, length: 8n });
    for (let n = 0; n < 10; n++) {
      rig.run();
      rig.respond(SUCCESS, n);
    }
    rig.run();
    expect(rig.upstream.pageRequests).toHaveLength(3);
    expect(completed(rig).status).toBe(7);
  });
  it("waits before it asks again: 1 us, doubled with each SUCCESS of no use, at most 131 ms (data sheet, Page requests)", () => {
    const rig = ready();
    rig.write32(0x014, 20);
    rig.upstream.onPageRequest = ({ pasid, prgi }) => rig.fn.prgResponse({ pasid, prgi, code: SUCCESS }); // an overflow that does not end
    submit(rig, { op: 3, source: SOURCE, length: 8n });
    const waits: number[] = [];
    for (;;) {
      while (rig.fn.step());
      const timer = rig.timers.shift();
      if (!timer) break;
      expect(rig.upstream.pageRequests).toHaveLength(waits.push(timer.ns)); // nothing is sent meanwhile
      timer.expired();
    }
    expect(waits).toEqual([...Array.from({ length: 18 }, (_, n) => 1000 * 2 ** n), 131_072_000]);
    expect([rig.upstream.pageRequests.length, completed(rig).status]).toEqual([20, 7]);
  });
  it("asks page by page for a group that SUCCESS left missing, and in groups again for pages that it had not asked for", () => {
    const rig = ready({ pagesPerGroup: 4, credits: 4 });
    let lost = true;
    rig.upstream.onPageRequest = ({ pasid, prgi, last, address }) => {
      if (!lost) rig.upstream.map(PASID, address);
      if (last) rig.fn.prgResponse({ pasid, prgi, code: SUCCESS });
      lost &&= !last;
    };
    submit(rig, { op: 3, source: SOURCE, length: 8n * 4096n });
    rig.run();
    const groups = rig.upstream.pageRequests.map(({ address, last }) => `${(address - SOURCE) / 4096n}${last ? "." : ""}`).join("");
    expect(groups).toBe("0123." + "0.1.2.3." + "4567.");
    expect(completed(rig).status).toBe(1);
  });
  it("a stop ends the wait", () => {
    const rig = ready();
    rig.upstream.onPageRequest = ({ pasid, prgi }) => rig.fn.prgResponse({ pasid, prgi, code: SUCCESS });
    submit(rig, { op: 3, source: SOURCE, length: 8n });
    while (rig.fn.step());
    rig.write32(0x1018, 0x101);
    while (rig.fn.step());
    expect([rig.timers.length, completed(rig).status, rig.read32(0x1018) & 4]).toEqual([1, 8, 4]);
  });
  it("aborts with status 5 on UR or CA, and when PRI is off", () => {
    const rig = ready();
    rig.fn.configWrite(0x124, 2, 0);
    expect(statusOf(rig, { op: 3, source: SOURCE, length: 8n })).toBe(5);
    const other = ready();
    other.upstream.map(PASID, SOURCE);
    submit(other, { op: 3, source: SOURCE, length: 8n });
    other.fn.step(); // the fetch, translated
    other.upstream.translationStatus = "CA";
    other.run();
    expect(other.read32(0x00c)).toBe(0x0c); // neither data nor completion could be reached
    expect(other.read32(0x1018)).toBe(3);
    expect(other.upstream.msis).toContain(8);
  });
  it("lets other queues go on while one waits", () => {
    const rig = ready();
    rig.upstream.map(6, RING);
    rig.upstream.map(6, DONE);
    rig.upstream.poke(6, RING, descriptorBytes({ op: 0, completion: DONE }));
    rig.openQueue(1, 6, RING);
    submit(rig, { op: 3, source: SOURCE, length: 8n });
    rig.run();
    rig.write32(0x1114, 1);
    rig.run();
    expect([completed(rig).status, completionOf(rig.upstream.peek(6, DONE, 32)).status]).toEqual([0, 1]);
  });
  it("works through every page with an ATC of none and of one entry", () => {
    for (const atc of [0, 1]) {
      const rig = ready({ atc });
      rig.upstream.map(PASID, SOURCE, 2);
      rig.upstream.map(PASID, DESTINATION, 2);
      expect(statusOf(rig, { op: 6, source: SOURCE, destination: DESTINATION, length: 8192n })).toBe(1);
    }
  });
  it("sends untranslated requests with the PASID while ATS is disabled", () => {
    const rig = ready();
    rig.fn.configWrite(0x124, 2, 0);
    rig.fn.configWrite(0x116, 2, 0);
    expect(statusOf(rig, { op: 0 })).toBe(1);
    expect(rig.upstream.tlps.some((tlp) => tlp.startsWith("translate"))).toBe(false);
    expect(statusOf(rig, { op: 3, source: SOURCE, length: 8n })).toBe(5);
  });
});

describe("a job among faults, responses and invalidations", () => {
  it("copies the right bytes, and never reaches a frame after the completion of its invalidation", () => {
    const event = fc.record({ steps: fc.integer({ min: 0, max: 12 }), kind: fc.constantFrom("respond", "move"), page: fc.integer({ min: 0, max: 5 }) });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), fc.constantFrom(0, 1, 3, 64), (events, atc) => {
        const rig = ready({ atc, pagesPerGroup: 4 });
        const { upstream, fn } = rig;
        rig.write32(0x014, 1000);
        const data = noise(6 * 4096);
        const dead: string[] = [];
        const reached: string[] = [];
        let answered = 0;
        let seen = 0;
        const present = (page: number) => {
          const at = SOURCE + BigInt(page * 4096);
          if (!upstream.mapped(PASID, at)) {
            upstream.map(PASID, at);
            upstream.poke(PASID, at, data.subarray(page * 4096, (page + 1) * 4096));
          }
        };
        const respond = () => {
          for (; answered < upstream.pageRequests.length; answered++) {
            const { address, pasid, prgi, last, write } = upstream.pageRequests[answered];
            if (write) upstream.mapped(PASID, address) || upstream.map(PASID, address);
            else present(Number((address - SOURCE) >> 12n));
            if (last) fn.prgResponse({ pasid, prgi, code: SUCCESS });
          }
        };
        const check = () => {
          for (; seen < upstream.tlps.length; seen++) {
            const tlp = upstream.tlps[seen];
            if (dead.some((frame) => tlp.includes(`translated ${frame}`))) reached.push(tlp);
          }
        };
        submit(rig, { op: 1, source: SOURCE, destination: DESTINATION, length: BigInt(data.length) });
        for (const { steps, kind, page } of events) {
          for (let n = 0; n < steps; n++) fn.step();
          check();
          if (kind === "respond") respond();
          else {
            const at = SOURCE + BigInt(page * 4096);
            const pa = upstream.frameOf(PASID, at);
            if (pa === null) continue;
            upstream.unmap(PASID, at);
            fn.invalidateRequest({ pasid: PASID, global: false, address: at, sizeBytes: 4096n, itag: 0 });
            fn.step(); // its completion
            check();
            dead.push(pa.toString(16).slice(0, -3));
          }
        }
        for (let n = 0; n < 200 && completed(rig).status === 0; n++) {
          rig.run();
          respond();
        }
        check();
        expect(reached).toEqual([]);
        expect(completed(rig).status).toBe(1);
        expect(Buffer.compare(upstream.peek(PASID, DESTINATION, data.length), data)).toBe(0);
        expect(fn.pages.outstanding).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
