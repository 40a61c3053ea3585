import { CMD_SYNC } from "@faultline/shared/arm-smmu-v3/command.ts";
import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { EVENT, EVENT_ID } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { defaultMachine } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { at, NestedRig, SID, SmmuRig } from "../../../test/support/smmu-rig.ts";
import { idRegisters } from "./identity.ts";

const transact = (rig: SmmuRig, address: bigint, more: { translated?: boolean; ssid?: number | null; write?: boolean } = {}) =>
  rig.smmu.transact({ sid: SID, ssid: null, translated: false, address, write: false, priv: false, exec: false, ...more });
const events = (rig: SmmuRig) => rig.events().map((record) => Number(EVENT.decode(record).ID));

describe("SMMUEN = 0 (6.3.9, 6.3.15; smmuv3.md, 1.5 and 7 step 1)", () => {
  const off = (gbpa: number) => {
    const rig = new SmmuRig().start({ cr0: 0x1e });
    rig.write("GBPA", 0x8000_0000 + gbpa);
    return rig;
  };
  it("GBPA.ABORT = 0: the address goes through unchanged, with and without a SubstreamID", () => {
    const rig = off(0x1000);
    expect([transact(rig, 0x1234_5678n), transact(rig, 0xffff_ffff_ffffn, { ssid: 5, write: true })]).toEqual([{ pa: 0x1234_5678 }, { pa: 0xffff_ffff_ffff }]);
    expect(events(rig)).toEqual([]);
  });
  it("GBPA.ABORT = 0: an address with bits at or above OAS aborts, without an event", () => {
    const rig = off(0x1000);
    expect([transact(rig, 2n ** 48n), transact(rig, 2n ** 63n)]).toEqual(["abort", "abort"]);
    expect(events(rig)).toEqual([]);
  });
  it("GBPA.ABORT = 1: every untranslated transaction aborts, without an event", () => {
    const rig = off(0x10_0000);
    expect([transact(rig, 0n), transact(rig, 0x1234n, { write: true })]).toEqual(["abort", "abort"]);
    expect(events(rig)).toEqual([]);
  });
  it("a Translated transaction aborts whatever GBPA says: F_TRANSL_FORBIDDEN (8.4: permitted to record)", () => {
    const rig = off(0x1000);
    expect(transact(rig, 0x1000n, { translated: true })).toBe("abort");
    expect(events(rig)).toEqual([EVENT_ID.F_TRANSL_FORBIDDEN]);
  });
  it("caches are not invalidated by it", () => {
    const rig = new NestedRig().start();
    rig.map(0x7f00_0000_0000);
    transact(rig, 0x7f00_0000_0000n, { ssid: rig.ssid });
    rig.write("CR0", 0x1e);
    expect([rig.smmu.tlb.size, rig.smmu.configurationCache.size.stes]).toEqual([1, 1]);
  });
});

describe("a SubstreamID where stage 1 is not enabled (3.1: Config = 1x0)", () => {
  it.each([4, 6])("Config = %i: C_BAD_SUBSTREAMID, and without one the address goes on", (Config) => {
    const rig = new NestedRig();
    rig.nested({ Config });
    rig.start();
    expect(transact(rig, 0x8000_1000n, { ssid: 5 })).toBe("abort");
    expect(transact(rig, 0x8000_1000n)).toHaveProperty("pa");
    expect(events(rig)).toEqual([EVENT_ID.C_BAD_SUBSTREAMID]);
  });
});

describe("where queues lie (3.5; smmuv3.md, 1.8)", () => {
  it("bits of a base below the size of its queue are taken as 0", () => {
    const rig = new SmmuRig();
    rig.memory.write(at.cmdq, CMD_SYNC.encode({ Opcode: 0x46, CS: 1 }));
    rig.write("CMDQ_BASE", at.cmdq + 0x3e0 + 6); // 64 entries of 16 bytes: aligned to 0x400
    rig.write("EVENTQ_BASE", at.eventq + 0xe0 + 3); // 8 of 32: 0x100
    rig.write("STRTAB_BASE", at.streamTable);
    rig.write("STRTAB_BASE_CFG", 6);
    rig.write("CR0", 0xd);
    rig.write("CMDQ_PROD", 1);
    rig.settle();
    expect([rig.read("CMDQ_CONS"), rig.host.interrupts()]).toEqual([1, ["CMD_SYNC"]]);
    expect(transact(rig, 0n)).toBe("abort"); // V = 0
    expect((rig.memory.read(at.eventq, 1) as Uint8Array)[0]).toBe(EVENT_ID.C_BAD_STE);
  });
});

describe("big-endian tables are not implemented: refused as ILLEGAL, not misread (2.3 row 17, 3.3)", () => {
  const mixed = idRegisters(defaultMachine.smmu).IDR0 & ~(3 << 21);
  it("CD.ENDI = 1 with IDR0.TTENDIAN = 0 is C_BAD_CD, S2ENDI = 1 is C_BAD_STE; little-endian ones are walked", () => {
    const walked = (ste: object, cd: object) => {
      const rig = new SmmuRig({}, { IDR0: mixed });
      rig.memory.write(at.frames, CD.encode({ V: 1, AA64: 1, A: 1, R: 1, T0SZ: 25, EPD1: 1, IPS: 5, TTB0: (at.frames + 0x1000) / 16, ...cd }));
      rig.ste({ Config: 5, S1ContextPtr: at.frames / 64, ...ste });
      rig.start();
      transact(rig, 0n);
      return events(rig);
    };
    const stage2 = { Config: 6, S2AA64: 1, S2T0SZ: 25, S2SL0: 1, S2PS: 5, S2R: 1, S2TTB: (at.frames + 0x1000) / 16 };
    expect([walked({}, {}), walked({}, { ENDI: 1 })]).toEqual([[EVENT_ID.F_TRANSLATION], [EVENT_ID.C_BAD_CD]]);
    expect([walked(stage2, {}), walked({ ...stage2, S2ENDI: 1 }, {})]).toEqual([[EVENT_ID.F_TRANSLATION], [EVENT_ID.C_BAD_STE]]);
  });
});
