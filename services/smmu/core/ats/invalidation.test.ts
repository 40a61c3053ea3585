import { CMD_ATC_INV, CMD_SYNC } from "@faultline/shared/arm-smmu-v3/command.ts";
import { describe, expect, it } from "vitest";
import { SID, SmmuRig } from "../../../../test/support/smmu-rig.ts";
import { ATC_INV_TIMEOUT_NS } from "./invalidation.ts";

const SYNC = CMD_SYNC.encode({ Opcode: 0x46 });
const atcInv = (fields: Parameters<typeof CMD_ATC_INV.encode>[0] = {}) => CMD_ATC_INV.encode({ Opcode: 0x40, StreamID: SID, ...fields });
const consumed = (rig: SmmuRig) => rig.read("CMDQ_CONS") & 0xfffff;

describe("CMD_ATC_INV spans (Arm IHI 0070 G.b, 4.5.1)", () => {
  const cases: [string, Parameters<typeof CMD_ATC_INV.encode>[0], object][] = [
    ["one page of one PASID", { SSV: 1, SubstreamID: 5, Addr: 0x12345 }, { pasid: 5, global: false, address: 0x12345000n, sizeBytes: 4096n }],
    ["without SSV: every PASID and none", { Addr: 0x12345 }, { pasid: null, global: false, address: 0x12345000n, sizeBytes: 4096n }],
    ["an address with bit 31 set", { Addr: 0x7f00_8000_1 }, { address: 0x7f00_8000_1000n }],
    ["the last page of the address space", { Addr: 0xf_ffff_ffff_ffffn }, { address: 0xffff_ffff_ffff_f000n }],
    ["the address is aligned to the span", { Size: 2, Addr: 0x12347 }, { address: 0x12344000n, sizeBytes: 16384n }],
    ["Size 52: everything", { Size: 52, Addr: 0x12347 }, { address: 0n, sizeBytes: 1n << 64n }],
    ["Global with a PASID", { Global: 1, SSV: 1, SubstreamID: 5 }, { pasid: 5, global: true }],
    ["Global without a PASID is meaningless", { Global: 1 }, { pasid: null, global: false }],
  ];
  for (const [name, fields, expected] of cases) {
    it(name, () => {
      const rig = new SmmuRig().start();
      rig.command(atcInv(fields));
      expect(rig.endpoint.invalidations).toMatchObject([expected]);
    });
  }
  it("is ignored while SMMUEN = 0, and ILLEGAL without ATS", () => {
    const off = new SmmuRig().start({ cr0: 0x0e });
    off.command(atcInv(), SYNC);
    expect([consumed(off), off.endpoint.invalidations]).toEqual([2, []]);
    const none = new SmmuRig({ ats: false, pri: false }).start();
    none.command(atcInv());
    expect([consumed(none), none.read("CMDQ_CONS") >>> 24]).toEqual([0, 1]);
  });
});

describe("completion of ATC_INV (3.9.1, 4.7.3)", () => {
  it("CMD_SYNC waits for every completion", () => {
    const rig = new SmmuRig().start();
    rig.command(atcInv(), atcInv(), SYNC);
    expect(consumed(rig)).toBe(2);
    rig.smmu.invalidation.complete(SID, 0b01, 1);
    rig.settle();
    expect(consumed(rig)).toBe(2);
    rig.smmu.invalidation.complete(SID, 0b10, 1);
    rig.settle();
    expect(consumed(rig)).toBe(3);
    expect(rig.timers.pending).toEqual([]);
  });
  it("an ITag is free only after `count` completions; 0 means 8", () => {
    const rig = new SmmuRig().start();
    rig.command(atcInv(), SYNC);
    for (let i = 0; i < 7; i++) rig.smmu.invalidation.complete(SID, 1, 0);
    rig.settle();
    expect(consumed(rig)).toBe(1);
    rig.smmu.invalidation.complete(SID, 1, 0);
    rig.settle();
    expect(consumed(rig)).toBe(2);
  });
  it("UR and a StreamID without a function complete it", () => {
    const rig = new SmmuRig().start();
    rig.endpoint.atsEnabled = false;
    rig.command(atcInv(), atcInv({ StreamID: 0x10 }), SYNC);
    expect(consumed(rig)).toBe(3);
  });
  it("at most 32 are outstanding to a function: the 33rd waits for an ITag", () => {
    const rig = new SmmuRig().start();
    rig.command(...Array.from({ length: 33 }, () => atcInv()));
    expect([consumed(rig), rig.endpoint.invalidations.length]).toEqual([32, 32]);
    rig.smmu.invalidation.complete(SID, 1 << 9, 1);
    rig.settle();
    expect([consumed(rig), rig.endpoint.invalidations.at(-1)?.itag]).toEqual([33, 9]);
  });
  it("a time-out is CERROR_ATC_INV_SYNC at the next CMD_SYNC, which completes when it is restarted", () => {
    const rig = new SmmuRig().start();
    rig.command(atcInv());
    expect(rig.timers.pending[0].ns).toBe(ATC_INV_TIMEOUT_NS);
    rig.timers.pending[0].expired();
    rig.settle();
    expect(rig.read("GERROR")).toBe(0);
    rig.command(SYNC);
    expect([consumed(rig), (rig.read("CMDQ_CONS") >>> 24) & 0x7f, rig.read("GERROR")]).toEqual([1, 3, 1]);
    rig.write("GERRORN", 1);
    rig.settle();
    expect(consumed(rig)).toBe(2);
  });
});
