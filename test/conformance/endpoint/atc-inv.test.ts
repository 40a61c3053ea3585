import { encodeRange } from "@faultline/shared/pcie/ats-message.ts";
import { describe, expect, it } from "vitest";
import { at, command, EndpointRig, SYNC } from "./endpoint-rig.ts";

const SID = 0x100;
const ALL = 1n << 64n;
const CERROR_ILL = 1,
  CERROR_ATC_INV_SYNC = 3;

/** CMD_ATC_INV (4.5.1) by its bits: Global 9, SSV 11, SubstreamID 31:12, StreamID 63:32, Size 69:64, Addr 127:76. */
const atcInv = ({ sid = SID, pasid, global = false, size = 0, address = 0n }: { sid?: number; pasid?: number; global?: boolean; size?: number; address?: bigint } = {}) =>
  command(
    0x40n | (global ? 0x200n : 0n) | (pasid === undefined ? 0n : 0x800n | (BigInt(pasid) << 12n)) | (BigInt(sid) << 32n),
    BigInt(size) | BigInt.asUintN(64, address & ~0xfffn),
  );
function machine(policy: "never" | "answer" = "never", endpoints = 1) {
  const rig = new EndpointRig(
    Array.from({ length: endpoints }, (_, i) => ({ kind: "scripted" as const, bdf: SID + 8 * i })),
    { cr2: 0 },
  );
  for (const sid of rig.hardware.functions.keys()) rig.scripted(sid).invalidationPolicy = policy;
  return rig;
}
const requests = (rig: EndpointRig) =>
  rig.tlps("invalidate-request").map(({ sid, pasid, global, address, sizeBytes, itag }) => ({ sid, pasid, global, address, sizeBytes, itag }));
const cmdqError = (rig: EndpointRig) => (rig.read("CMDQ_CONS") >>> 24) & 0x7f;

describe("CMD_ATC_INV as golden bytes (Arm IHI 0070 G.b, 4.5.1; spec/pcie-ats-pri.md, section 6)", () => {
  it.each([
    ["everything", "40000000000100003400000000000000", { pasid: null, address: 0n, sizeBytes: ALL }],
    ["4 KiB of PASID 5 at 0x12345000", "40580000000100000050341200000000", { pasid: 5, address: 0x12345000n, sizeBytes: 4096n }],
    ["16 KiB at 0x12344000", "40000000000100000240341200000000", { pasid: null, address: 0x12344000n, sizeBytes: 16384n }],
    ["the highest page of PASID 0xfffff", "40f8ffff0001000000f0ffffffffffff", { pasid: 0xfffff, address: 0xffff_ffff_ffff_f000n, sizeBytes: 4096n }],
  ])("%s", (_name, bytes, expected) => {
    const rig = machine();
    rig.command(bytes);
    expect(requests(rig)).toMatchObject([{ sid: SID, global: false, ...expected }]);
  });
});

describe("spans of CMD_ATC_INV (4.5.1, 3.9.1; PCIe 10.3.1)", () => {
  for (let size = 0; size <= 52; size++) {
    const span = 1n << BigInt(12 + size);
    it(`Size ${size}: ${size === 52 ? "everything" : `2^${12 + size} bytes, the address taken down to a multiple of that`}`, () => {
      const rig = machine();
      const address = 0xfeed_beef_dead_c000n;
      rig.command(atcInv({ size, address }));
      const first = size === 52 ? 0n : (address / span) * span;
      expect(requests(rig)).toMatchObject([{ address: first, sizeBytes: span }]);
      // On the link: S = 0 is a page; else ones from bit 12 up to below the size, then a zero.
      const ones = (1n << BigInt(Math.max(size - 1, 0))) - 1n;
      expect(encodeRange(first, span)).toBe(size === 0 ? first : first | (ones << 12n) | 0x800n);
    });
  }
  it("Size above 52 acts as 52 (CONSTRAINED UNPREDICTABLE, chosen)", () => {
    const rig = machine();
    rig.command(atcInv({ size: 63, address: 0x5000n }));
    expect(requests(rig)).toMatchObject([{ address: 0n, sizeBytes: ALL }]);
  });
});

describe("PASID and Global of CMD_ATC_INV (4.5.1; PCIe 10.3.1)", () => {
  it.each([
    ["SSV = 0: no prefix", {}, { pasid: null, global: false }],
    ["SSV = 1: the prefix of SubstreamID", { pasid: 7 }, { pasid: 7, global: false }],
    ["SSV = 1 with SubstreamID 0: PASID 0, not none", { pasid: 0 }, { pasid: 0, global: false }],
    ["Global with SSV = 1: Global Invalidate", { pasid: 7, global: true }, { pasid: 7, global: true }],
    ["Global with SSV = 0 is not sent", { global: true }, { pasid: null, global: false }],
  ])("%s", (_name, fields, expected) => {
    const rig = machine();
    rig.command(atcInv(fields));
    expect(requests(rig)).toMatchObject([expected]);
  });
  it("SSIDSIZE = 0: SSV = 1 acts as SSV = 0 (CONSTRAINED UNPREDICTABLE, chosen)", () => {
    const rig = new EndpointRig([{ kind: "scripted", bdf: SID }], { smmu: { ssidBits: 0 } });
    rig.command(atcInv({ pasid: 7, global: true }));
    expect(requests(rig)).toMatchObject([{ pasid: null, global: false }]);
  });

  const entry = { shift: 12, R: true, W: true, Exe: false, U: false, address: at.pages };
  const tags = [
    { pasid: null, priv: false },
    { pasid: 0, priv: false },
    { pasid: 7, priv: false },
    { pasid: 7, priv: true },
    { pasid: 8, priv: false },
  ];
  it.each([
    ["no prefix: of every PASID and of none", {}, []],
    ["PASID 7: its own, privileged or not", { pasid: 7 }, [0, 1, 4]],
    ["PASID 0: not those without PASID", { pasid: 0 }, [0, 2, 3, 4]],
    ["Global with PASID 7: of every PASID, not of none", { pasid: 7, global: true }, [0]],
    ["another page", { pasid: 7, address: 0x5000n }, [0, 1, 2, 3, 4]],
    ["a span around the page", { size: 1, address: 0x6000n }, []],
    ["everything", { size: 52, address: 0n }, []],
    ["everything of PASID 8", { size: 52, pasid: 8 }, [0, 1, 2, 3]],
  ])("the ATC of the accelerator after an invalidation of %s", (_name, fields, kept) => {
    const rig = new EndpointRig([{ bdf: SID }]);
    rig.enable(SID);
    const { atc } = rig.accelerator(SID);
    for (const { pasid, priv } of tags) atc.fill(pasid, priv, 0x6000n, entry);
    rig.command(atcInv({ address: 0x6000n, ...fields }), SYNC);
    rig.run();
    expect(rig.unconsumed).toBe(0);
    expect(tags.flatMap(({ pasid, priv }, i) => (atc.lookup(pasid, priv, 0x6000n) ? [i] : []))).toEqual(kept);
  });
});

describe("where CMD_ATC_INV does not reach an ATC (4.5.1, 3.9.1)", () => {
  it("SMMUEN = 0: the command is ignored and consumed", () => {
    const rig = machine();
    rig.write("CR0", 0x1e);
    rig.command(atcInv(), SYNC);
    expect([rig.unconsumed, requests(rig)]).toEqual([0, []]);
  });
  it("IDR0.ATS = 0: CERROR_ILL, also with SMMUEN = 0 (ILLEGAL before ignored, 4.1.3)", () => {
    for (const cr0 of [0x0f, 0x0e]) {
      const rig = new EndpointRig([{ kind: "scripted", bdf: SID }], { smmu: { ats: false, pri: false } });
      rig.write("CR0", cr0);
      rig.command(atcInv());
      expect([rig.unconsumed, cmdqError(rig)]).toEqual([1, CERROR_ILL]);
    }
  });
  it("a StreamID without a function, ATS disabled, link down: UR completes it, and no error", () => {
    const rig = new EndpointRig([{ bdf: SID }]);
    rig.command(atcInv({ sid: 0x20 }), atcInv(), SYNC); // nobody there; ATS not enabled
    rig.enable(SID);
    rig.accelerator(SID).link("down");
    rig.command(atcInv(), SYNC);
    expect([rig.unconsumed, rig.read("GERROR"), rig.tlps("invalidate-request").map(({ answer }) => answer)]).toEqual([0, 0, ["UR", "UR"]]);
  });
});

describe("ITags and completions (3.9.1; PCIe 10.3.2)", () => {
  it("32 requests are outstanding to one function, each with its ITag; the next waits, and takes the one that came free", () => {
    const rig = machine();
    rig.command(...Array.from({ length: 34 }, () => atcInv()));
    expect(requests(rig).map(({ itag }) => itag)).toEqual(Array.from({ length: 32 }, (_, i) => i));
    expect(rig.unconsumed).toBe(2);
    rig.scripted(SID).completeInvalidation({ itag: 17 });
    rig.run();
    expect([rig.unconsumed, requests(rig).at(-1)?.itag]).toEqual([1, 17]);
  });
  it("ITags are each function's own: another function's are all free", () => {
    const rig = machine("never", 2);
    rig.command(...Array.from({ length: 32 }, () => atcInv()), atcInv({ sid: SID + 8 }));
    expect([rig.unconsumed, requests(rig).at(-1)]).toMatchObject([0, { sid: SID + 8, itag: 0 }]);
  });
  it("one message completes all ITags of its vector, and only those of the function that sent it", () => {
    const rig = machine("never", 2);
    rig.command(atcInv(), atcInv(), atcInv({ sid: SID + 8 }), SYNC);
    rig.smmu.invalidation.complete(SID, 0b11, 1);
    rig.run();
    expect(rig.unconsumed).toBe(1);
    rig.smmu.invalidation.complete(SID + 8, 0b1, 1);
    rig.run();
    expect(rig.unconsumed).toBe(0);
  });
  for (const count of [1, 2, 3, 4, 5, 6, 7, 0]) {
    it(`Completion Count ${count}: free after ${count || 8} messages`, () => {
      const rig = machine();
      rig.command(atcInv(), SYNC);
      const left: number[] = [];
      for (let n = 1; n <= (count || 8); n++) {
        rig.scripted(SID).completeInvalidation({ itag: 0, count });
        rig.run();
        left.push(rig.unconsumed);
      }
      expect(left).toEqual([...Array((count || 8) - 1).fill(1), 0]);
    });
  }
  it("no ITag leaks: a thousand invalidations, of completion, UR and time-out in turn, leave none in use and no timer", () => {
    const rig = machine();
    for (let n = 0; n < 1000; n++) {
      rig.command(atcInv());
      if (n % 3 === 0) rig.scripted(SID).completeInvalidation({ itag: 0 });
      else if (n % 3 === 1) rig.timers.pending[0].expired();
      else rig.scripted(SID).completeInvalidation({ itag: requests(rig).at(-1)!.itag });
    }
    expect([rig.smmu.invalidation.outstanding(), rig.timers.pending]).toEqual([0, []]);
    expect(new Set(requests(rig).map(({ itag }) => itag))).toEqual(new Set([0]));
  });
  it.each<[string, (rig: EndpointRig, itag: number) => void]>([
    ["completions", (rig, itag) => rig.scripted(SID).completeInvalidation({ itag })],
    ["time-outs", (rig) => rig.timers.pending[0].expired()],
  ])("all 32 ITags come back after %s", (_name, end) => {
    const rig = machine();
    for (let round = 1; round <= 3; round++) {
      rig.command(...Array.from({ length: 32 }, () => atcInv()));
      expect([rig.unconsumed, requests(rig).length]).toEqual([0, 32 * round]);
      for (let itag = 0; itag < 32; itag++) end(rig, itag);
    }
    expect(rig.smmu.invalidation.outstanding()).toBe(0);
  });
  it("a completion that nobody waits for is dropped", () => {
    const rig = machine();
    rig.command(atcInv(), SYNC);
    rig.scripted(SID).completeInvalidation({ itag: 5 });
    rig.run();
    expect([rig.unconsumed, rig.smmu.invalidation.outstanding()]).toEqual([1, 1]);
  });
});

describe("order with CMD_SYNC, and the time-out (4.7.3, 7.1, 3.9.1)", () => {
  it("CONS passes CMD_ATC_INV at once; CMD_SYNC waits for the completion", () => {
    const rig = machine();
    rig.command(atcInv());
    expect(rig.unconsumed).toBe(0);
    rig.command(SYNC);
    expect(rig.unconsumed).toBe(1);
    rig.scripted(SID).completeInvalidation({ itag: 0 });
    rig.run();
    expect(rig.unconsumed).toBe(0);
  });
  it("a time-out is no error by itself: CERROR_ATC_INV_SYNC is raised at the next CMD_SYNC, which is left in the queue", () => {
    const rig = machine();
    rig.command(atcInv());
    rig.timers.pending[0].expired();
    rig.command(atcInv({ sid: 0x20 }));
    expect([cmdqError(rig), rig.read("GERROR") & 1, rig.unconsumed]).toEqual([0, 0, 0]);
    rig.command(SYNC);
    expect([cmdqError(rig), rig.read("GERROR") & 1, rig.unconsumed]).toEqual([CERROR_ATC_INV_SYNC, 1, 1]);
    rig.write("GERRORN", rig.read("GERROR"));
    rig.run();
    expect([rig.unconsumed, rig.read("GERROR") ^ rig.read("GERRORN")]).toEqual([0, 0]);
  });
  it("one CMD_SYNC reports all time-outs before it; a CMD_SYNC after that reports none", () => {
    const rig = machine();
    rig.command(atcInv(), atcInv());
    for (const { expired } of [...rig.timers.pending]) expired();
    rig.command(SYNC);
    expect(cmdqError(rig)).toBe(CERROR_ATC_INV_SYNC);
    rig.write("GERRORN", rig.read("GERROR"));
    rig.run();
    rig.command(SYNC);
    expect([rig.unconsumed, rig.read("GERROR") ^ rig.read("GERRORN")]).toEqual([0, 0]);
  });
  it("a CMD_SYNC that waits while the time-out comes is the next one", () => {
    const rig = machine();
    rig.command(atcInv(), SYNC);
    rig.timers.pending[0].expired();
    rig.run();
    expect([rig.unconsumed, cmdqError(rig)]).toEqual([1, CERROR_ATC_INV_SYNC]);
  });
  it("an FLR or a link that goes down leaves requests uncompleted: they time out (PCIe 6.6.2)", () => {
    for (const away of ["flr", "down"] as const) {
      const rig = new EndpointRig([{ bdf: SID }]);
      rig.enable(SID);
      rig.held.add("smmu.endpoint.before-invalidate-completion");
      rig.command(atcInv(), SYNC);
      if (away === "down") rig.accelerator(SID).link("down");
      else rig.hardware.functions.get(SID)!.configWrite(0x48, 2, 0x8000);
      rig.held.clear();
      rig.run();
      expect([rig.unconsumed, rig.tlps("invalidate-completion")]).toEqual([1, []]);
      rig.timers.pending[0].expired();
      rig.run();
      expect(cmdqError(rig)).toBe(CERROR_ATC_INV_SYNC);
    }
  });
});
