import { describe, expect, it } from "vitest";
import { judgeBy } from "./index.ts";
import { inv3 } from "./inv-3.ts";
import { inv4 } from "./inv-4.ts";
import { inv8 } from "./inv-8.ts";
import { ordFree } from "./ord-free.ts";
import { type Line, written } from "./test-support/written-history.ts";

const endpoint = { endpoint: "0x8" };
const attach: Line = ["guest0", "guest.attach-table", { ...endpoint, domain: 1 }];
const bind = (pasid = 5): Line => ["guest0", "guest.bind", { ...endpoint, pasid, asid: 2 }, { mm: `process ${pasid}` }];
const taken = (epoch: number, gpa = "0x80001000"): Line => ["guest0", "guest.frame-taken", { gpa }, { epoch }];
const freed = (epoch: number, gpa = "0x80001000"): Line => ["guest0", "guest.frame-freed", { gpa }, { epoch }];
const fill = (pasid = 5, iova = "0x7000"): Line => ["smmu", "endpoint.atc-fill", { sid: "0x8", pasid, iova, pa: "0x41000000" }, { bytes: 4096, R: true, W: true }];
const access = (guestEpoch: number, write = true, hostEpoch = 9): Line => [
  "smmu",
  "dma.access",
  { sid: "0x8", iova: "0x41000010", pa: "0x41000010" },
  { write, length: 16, hostEpoch, guestEpoch },
];
const untranslated = (guestEpoch: number): Line => [
  "smmu",
  "dma.access",
  { sid: "0x8", pasid: 5, iova: "0x7010", pa: "0x41000010" },
  { write: false, length: 16, hostEpoch: 9, guestEpoch },
];
const munmap: Line = ["guest0", "guest.munmap", { gva: "0x7000", pasid: 5, asid: 2 }, { bytes: 4096, pages: 1 }];
const tlbi: Line = ["smmu", "command.executed", { asid: 2, vmid: 1 }, { name: "CMD_TLBI_NH_VA" }];
const completion: Line = ["smmu", "ats.invalidate-completion", { sid: "0x8" }, { itag: 0 }];
const invalidate: Line = ["guest0", "guest.invalidate", { domain: 1, asid: 2, gva: "0x7000" }, { granularity: "VA", pages: 1, ret: 0 }];
const framesFreed: Line = ["guest0", "guest.frames-freed", { gva: "0x7000", pasid: 5 }, { pages: 1 }];
const before = [attach, bind(), taken(1), fill(), access(1)];

describe("INV-3: nothing freed is accessed (design.md, section 3: owner words)", () => {
  it("holds for accesses before the free, and for a frame whose new owner translated it", () => {
    expect(judgeBy([inv3], written(...before, freed(2), taken(3), fill(6, "0x9000"), access(3)))).toEqual([]);
  });
  it("is violated by a DMA to a free frame, naming frame, GPA and the invalidation that did not happen", () => {
    const [violation, ...more] = judgeBy([inv3], written(...before, munmap, tlbi, freed(2), access(2)));
    expect(more).toEqual([]);
    expect(violation.message).toBe(
      "endpoint 0x8 wrote frame 0x41000000 (GPA 0x80001000), which guest0 freed at #8: no ATS invalidation of endpoint 0x8 completed between #6 and #8",
    );
    expect(violation.events).toEqual([8, 9]);
  });
  it("names the TLBI when even that is missing", () => {
    expect(judgeBy([inv3], written(...before, munmap, freed(2), access(2)))[0].message).toMatch(/: no CMD_TLBI_\* between #6 and #7$/);
  });
  it("is violated by a kernel that follows a pointer of its own that leads nowhere", () => {
    const stopped: Line = ["guest0", "guest.oops", endpoint, { defect: "RR-11", what: "the endpoint, after a search that found none" }];
    expect(judgeBy([inv3], written(attach, stopped))).toEqual([
      { invariant: "INV-3", message: "guest0 followed a pointer that leads nowhere: the endpoint, after a search that found none", events: [2] },
    ]);
  });
  it("counts the change of hands before the access although its event comes after it", () => {
    expect(judgeBy([inv3], written(...before, access(2), freed(2)))).toHaveLength(1);
  });
  it("is violated when the host gave the frame away under a translation", () => {
    expect(judgeBy([inv3], written(...before, access(1, true, 10)))[0].message).toMatch(
      /through the translation of #4, after the host gave it to another owner \(epoch 9, then 10\)/,
    );
    expect(judgeBy([inv3], written(...before, fill(), access(1, true, 10)))).toEqual([]);
  });
  const invalidated = (pasid: number | undefined = 5): Line => [
    "smmu",
    "endpoint.invalidated",
    { sid: "0x8", pasid, iova: "0x7000" },
    { itag: 0, bytes: "0x1000", entries: 0 },
  ];
  it("is violated by a DMA through a translation that survived its invalidation, also when the frame has a new owner whose word it meets", () => {
    const history = written(...before, munmap, tlbi, invalidated(), completion, freed(2), taken(3), access(3));
    expect(judgeBy([inv3], history)).toEqual([
      {
        invariant: "INV-3",
        message:
          "endpoint 0x8 wrote frame 0x41000000 through the translation of #4 (0x7000, PASID 5), which survived its invalidation at #8; the frame changed hands at #11 (GPA 0x80001000)",
        events: [4, 8, 11, 12],
      },
    ]);
  });
  it("holds when another translation of the frame explains the access, or the invalidation was another PASID's", () => {
    expect(judgeBy([inv3], written(...before, invalidated(), freed(2), taken(3), fill(6, "0x9000"), access(3)))).toEqual([]);
    expect(judgeBy([inv3], written(...before, invalidated(6), access(1)))).toEqual([]);
    expect(judgeBy([inv3], written(...before, invalidated(), fill(), access(1)))).toEqual([]);
  });
  it("holds when an older translation explains the access, which the function still has, or the invalidation was of the pages beside it", () => {
    const of = (iova: string, bytes: string): Line => ["smmu", "endpoint.invalidated", { sid: "0x8", pasid: 5, iova }, { itag: 0, bytes, entries: 0 }];
    expect(judgeBy([inv3], written(attach, bind(), taken(1), fill(6, "0x9000"), fill(), invalidated(), access(1)))).toEqual([]);
    expect(judgeBy([inv3], written(...before, of("0x6000", "0x1000"), of("0x8000", "0x8000"), access(1)))).toEqual([]);
    expect(judgeBy([inv3], written(...before, of("0x4000", "0x4000"), access(1)))).toHaveLength(1);
  });
  it("is violated by a DMA through a translation of before a reset of the function", () => {
    expect(judgeBy([inv3], written(...before, ["smmu", "endpoint.flr", { sid: "0x8" }], access(1)))[0].message).toMatch(/which survived the reset at #6$/);
  });
  const walk = (guestEpoch: number, stage = 1): Line => ["smmu", "walk.descriptor", { pa: "0x41000018" }, { stage, level: 2, value: "0x3", hostEpoch: 9, guestEpoch }];
  it("is violated by a walk of a table that was freed, where walks are traced", () => {
    expect(judgeBy([inv3], written(...before, walk(1), freed(2), walk(2), walk(2)))).toEqual([
      { invariant: "INV-3", message: "the SMMU walked a stage 1 table of level 2 in frame 0x41000000 (GPA 0x80001000), which guest0 freed at #7", events: [7, 8] },
    ]);
    expect(judgeBy([inv3], written(...before, freed(2), walk(2, 2), taken(3), walk(3)))).toEqual([]);
  });
  it("reports a frame and a change of hands once, however many accesses follow", () => {
    expect(judgeBy([inv3], written(...before, freed(2), access(2), access(2), access(2)))).toHaveLength(1);
  });
});

describe("INV-4: after unmap, exit or unbind completed no DMA reaches the old page", () => {
  it("holds for an unmap that invalidates before it frees", () => {
    expect(judgeBy([inv4], written(...before, munmap, tlbi, completion, invalidate, freed(2), framesFreed, taken(3), fill(5, "0x9000"), access(3)))).toEqual([]);
  });
  it("is violated by a DMA to a frame that changed hands after its translation, naming both and what is missing", () => {
    const [violation] = judgeBy([inv4], written(...before, munmap, tlbi, freed(2), framesFreed, taken(3), access(3)));
    expect(violation.message).toContain(
      "through the translation of #4 (0x7000, PASID 5), after it changed hands at #10 (GPA 0x80001000): no ATS invalidation of endpoint 0x8 completed between #6 and #10",
    );
    expect(violation.events).toEqual([4, 10, 11]);
  });
  it("is violated by an untranslated DMA through an address whose unmap completed", () => {
    expect(judgeBy([inv4], written(...before, munmap, framesFreed, untranslated(1)))[0].message).toMatch(
      /read frame 0x41000000 through 0x7010 of PASID 5 after munmap of 0x7000 completed at #7/,
    );
    expect(judgeBy([inv4], written(...before, munmap, untranslated(1), framesFreed))).toEqual([]);
  });
  it.each([
    ["unbind", ["guest0", "guest.unbind", { ...endpoint, pasid: 5, asid: 2 }] as Line, /after unbind completed at #6/],
    ["exit", ["guest0", "guest.mm-released", { pasid: 5 }] as Line, /after its process ended at #6/],
  ])("is violated by a translation and by a DMA after %s, until the PASID is bound again", (_what, end, message) => {
    expect(judgeBy([inv4], written(...before, end, fill()))[0].message).toMatch(message);
    expect(judgeBy([inv4], written(...before, end, access(1)))[0].message).toMatch(message);
    expect(judgeBy([inv4], written(...before, end, bind(), fill(), access(1)))).toEqual([]);
  });
  it("holds after an exit whose invalidation failed: the guest keeps tables and pages", () => {
    expect(judgeBy([inv4], written(...before, ["guest0", "guest.mm-released", { pasid: 5 }, { ret: -5 }], fill(), access(1)))).toEqual([]);
  });
  it("does not accuse a PASID of the frame that another one still maps", () => {
    const shared = [...before, fill(6, "0x9000")];
    expect(judgeBy([inv4], written(...shared, ["guest0", "guest.unbind", { ...endpoint, pasid: 5 }], access(1, false)))).toEqual([]);
  });
});

describe("INV-8: isolation of VMs and PASIDs", () => {
  const otherAttach: Line = ["guest1", "guest.attach-table", { endpoint: "0x10", domain: 1 }];
  const of = (line: Line, sid: string, pa = line[2]?.pa): Line => [line[0], line[1], { ...line[2], sid, pa, ...(line[1] === "dma.access" ? { iova: pa } : {}) }, line[3]];
  it("is violated by two VMs at one frame that did not change hands", () => {
    const history = written(attach, otherAttach, access(1), of(access(1), "0x10"));
    expect(judgeBy([inv8], history)).toEqual([
      {
        invariant: "INV-8",
        message: "endpoint 0x10 (guest1) wrote frame 0x41000000, which endpoint 0x8 (guest0) wrote at #3 and which did not change hands between",
        events: [3, 4],
      },
    ]);
    expect(judgeBy([inv8], written(attach, otherAttach, access(1), of(access(1, true, 10), "0x10")))).toEqual([]);
  });
  it("holds for two endpoints of one VM, whose containers have a VMID each and the same RAM", () => {
    const second: Line = ["guest0", "guest.attach-table", { endpoint: "0x10", domain: 2 }];
    expect(judgeBy([inv8], written(attach, second, access(1), of(access(1), "0x10")))).toEqual([]);
  });
  it("is violated by two PASIDs at one frame of which one writes; pages that both read are the page cache", () => {
    const reads = written(
      attach,
      fill(5),
      access(1, false),
      ["smmu", "endpoint.flr", { sid: "0x8" }],
      ["smmu", "dma.access", { sid: "0x8", pasid: 6, iova: "0x9000", pa: "0x41000000" }, { write: false, hostEpoch: 9, guestEpoch: 1 }],
    );
    expect(judgeBy([inv8], reads)).toEqual([]);
    const writes = written(attach, fill(5), access(1, true), [
      "smmu",
      "dma.access",
      { sid: "0x8", pasid: 6, iova: "0x9000", pa: "0x41000000" },
      { write: false, hostEpoch: 9, guestEpoch: 1 },
    ]);
    expect(judgeBy([inv8], writes)[0].message).toMatch(/\(PASID 6\) read frame 0x41000000, which endpoint 0x8 \(PASID 5\) wrote at #3/);
  });
  it("is violated by a page request that comes to another guest", () => {
    const history = written(attach, ["guest1", "guest.event-received", { ...endpoint, pasid: 5, grpid: 3, gva: "0x7000" }, { last: true }]);
    expect(judgeBy([inv8], history)[0].message).toBe("endpoint 0x8, PASID 5, group 3: its page request came to guest1, the endpoint is guest0's");
  });
  it("is violated by a command that empties the caches of all VMs after the reset sequence", () => {
    const command: Line = ["host", "host.command", {}, { name: "CMD_TLBI_NSNH_ALL" }];
    expect(judgeBy([inv8], written(command, ["host", "host.smmu-reset"]))).toEqual([]);
    expect(judgeBy([inv8], written(["host", "host.smmu-reset"], command))[0].message).toMatch(/CMD_TLBI_NSNH_ALL at #2 emptied the caches of every VM/);
    expect(judgeBy([inv8], written(["host", "host.smmu-reset"], command, ["host", "host.smmu-reset"]))).toEqual([]);
  });
});

describe("ORD-FREE: invalidation before free (spec/flow.md, invalidation path, step 6)", () => {
  it("holds when the INVALIDATE completed between unmap and free, or nobody is bound", () => {
    expect(judgeBy([ordFree], written(attach, bind(), munmap, invalidate, framesFreed))).toEqual([]);
    expect(judgeBy([ordFree], written(attach, munmap, framesFreed))).toEqual([]);
  });
  it("takes any INVALIDATE of the ASID when the history began after the attach", () => {
    expect(judgeBy([ordFree], written(bind(), munmap, invalidate, framesFreed))).toEqual([]);
    expect(judgeBy([ordFree], written(bind(), munmap, framesFreed))).toHaveLength(1);
  });
  it("is violated without it, naming the INVALIDATE that is missing", () => {
    expect(judgeBy([ordFree], written(attach, bind(), munmap, framesFreed))[0].message).toBe(
      "PASID 5: 1 frames of 0x7000 were freed while endpoint 0x8 may reach them: no INVALIDATE for ASID 2 between #3 and #4",
    );
    const refused: Line = ["guest0", "guest.invalidate", invalidate[2], { ...invalidate[3], ret: -5 }];
    expect(judgeBy([ordFree], written(attach, bind(), munmap, refused, framesFreed))).toHaveLength(1);
  });
  it("is violated by an exit that frees before the CD is quiet", () => {
    const all: Line = ["guest0", "guest.frames-freed", { gva: "0x0", pasid: 5 }, { pages: 7 }];
    const quiet: Line = ["guest0", "guest.cd-written", { ...endpoint, pasid: 5 }, { valid: true, quiet: true }];
    expect(judgeBy([ordFree], written(attach, bind(), quiet, all))).toEqual([]);
    expect(judgeBy([ordFree], written(attach, bind(), all))[0].message).toMatch(/no quiet CD before #3/);
  });
  it("is violated by one that frees although the INVALIDATE of the quiet CD failed, until one succeeds (RR-84)", () => {
    const all: Line = ["guest0", "guest.frames-freed", { gva: "0x0", pasid: 5 }, { pages: 7 }];
    const quiet: Line = ["guest0", "guest.cd-written", { ...endpoint, pasid: 5 }, { valid: true, quiet: true }];
    const synced = (ret: number): Line => ["guest0", "guest.invalidate", { domain: 1, pasid: 5 }, { granularity: "PASID", leaf: true, ret }];
    expect(judgeBy([ordFree], written(attach, bind(), synced(-5), quiet, all))[0].message).toMatch(/no quiet CD before #5/);
    expect(judgeBy([ordFree], written(attach, bind(), synced(-5), quiet, synced(0), all))).toEqual([]);
    expect(judgeBy([ordFree], written(attach, bind(), synced(0), quiet, all))).toEqual([]);
  });
});
