import {
  CMD_CFGI_CD,
  CMD_CFGI_STE,
  CMD_CFGI_STE_RANGE,
  CMD_PRI_RESP,
  CMD_RESUME,
  CMD_SYNC,
  CMD_TLBI_NH_ALL,
  CMD_TLBI_NH_ASID,
  CMD_TLBI_NH_VA,
  CMD_TLBI_S2_IPA,
  CMD_TLBI_S12_VMALL,
} from "@faultline/shared/arm-smmu-v3/command.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";
import { describe, expect, it } from "vitest";
import { GPA, guestFrame, NestedRig, RAM, SID, SmmuRig } from "../../../../test/support/smmu-rig.ts";

const SYNC = CMD_SYNC.encode({ Opcode: 0x46 });
const CFGI_ALL = CMD_CFGI_STE_RANGE.encode({ Opcode: 0x04, Range: 31 });
const VA = 0x7f00_0000_0000;
const error = (rig: SmmuRig) => (rig.read("CMDQ_CONS") >>> 24) & 0x7f;
const consumed = (rig: SmmuRig) => rig.read("CMDQ_CONS") & 0xfffff;

describe("command queue errors (Arm IHI 0070 G.b, 7.1)", () => {
  const illegal: [string, Uint8Array][] = [
    ["opcode 0", new Uint8Array(16)],
    ["CMD_SYNC with CS = 3", CMD_SYNC.encode({ Opcode: 0x46, CS: 3 })],
    ["CMD_CFGI_STE with SSec = 1", CMD_CFGI_STE.encode({ Opcode: 0x03, SSec: 1 })],
    ["CMD_PRI_RESP with Resp = 3", CMD_PRI_RESP.encode({ Opcode: 0x41, Resp: 3 })],
    ["CMD_TLBI_EL2_ALL without HYP", Uint8Array.of(0x20, ...new Array<number>(15).fill(0))],
    ["CMD_TLBI_NH_VA with TG and no level or range", CMD_TLBI_NH_VA.encode({ Opcode: 0x12, TG: 1 })],
  ];
  for (const [name, command] of illegal) {
    it(`${name} is CERROR_ILL: RD stays at it, GERROR.CMDQ_ERR becomes active`, () => {
      const rig = new SmmuRig().start();
      rig.command(CFGI_ALL, command, SYNC);
      expect([consumed(rig), error(rig), rig.read("GERROR") & 1]).toEqual([1, 1, 1]);
      expect(rig.host.interrupts()).toEqual(["GERROR"]);
    });
  }
  it("goes on from RD once GERRORN acknowledges, with the command as it is then", () => {
    const rig = new SmmuRig().start();
    rig.command(new Uint8Array(16), SYNC);
    rig.memory.write(RAM + 0x2000, CFGI_ALL);
    rig.write("GERRORN", 1);
    rig.settle();
    expect(consumed(rig)).toBe(2);
  });
  it("a command queue that is not RAM is CERROR_ABT", () => {
    const rig = new SmmuRig();
    rig.write("CMDQ_BASE", 0x1_0000_0006);
    rig.write("CR0", 8);
    rig.write("CMDQ_PROD", 1);
    rig.settle();
    expect([consumed(rig), error(rig)]).toEqual([0, 2]);
  });
  it("RESUME is ILLEGAL with STALL_MODEL = 1 and has no effect without a match otherwise", () => {
    const none = new SmmuRig({ stall: false }).start();
    none.command(CMD_RESUME.encode({ Opcode: 0x44, StreamID: SID }));
    expect(error(none)).toBe(1);
    const stalls = new SmmuRig().start();
    stalls.command(CMD_RESUME.encode({ Opcode: 0x44, StreamID: SID }));
    expect([consumed(stalls), error(stalls)]).toEqual([1, 0]);
  });
});

describe("CMD_SYNC (4.7.3)", () => {
  it("CS = SIG_IRQ writes MSIData to MSIAddress and announces it, with CONS past the SYNC", () => {
    const rig = new SmmuRig().start();
    rig.command(CMD_SYNC.encode({ Opcode: 0x46, CS: 1, MSIData: 0xabcd, MSIAddress: (RAM + 0x9000) / 4 }));
    expect(rig.memory.load32(RAM + 0x9000)).toBe(0xabcd);
    expect(rig.host.sent).toEqual([{ kind: "interrupt", source: "MEMORY", deviceId: 0, eventId: 0, eventqProd: 0, priqProd: 0, cmdqCons: 1, gerror: 0 }]);
  });
  it("an MSI to GITS_TRANSLATER is an interrupt of the SMMU's DeviceID", () => {
    const rig = new SmmuRig().start();
    rig.command(CMD_SYNC.encode({ Opcode: 0x46, CS: 1, MSIData: 9, MSIAddress: addressMap.gitsTranslater / 4 }));
    expect(rig.host.sent).toMatchObject([{ source: "MSI", deviceId: 0x10000, eventId: 9 }]);
  });
  it("MSIAddress above OAS is truncated", () => {
    const rig = new SmmuRig({ oas: 44 }).start();
    rig.command(CMD_SYNC.encode({ Opcode: 0x46, CS: 1, MSIData: 0xabcd, MSIAddress: (2 ** 44 + RAM + 0x9000) / 4 }));
    expect([rig.memory.load32(RAM + 0x9000), rig.read("GERROR")]).toEqual([0xabcd, 0]);
  });
  it("MSIAddress = 0 pulses the wire; CS = SIG_NONE is silent", () => {
    const rig = new SmmuRig().start();
    rig.command(CMD_SYNC.encode({ Opcode: 0x46, CS: 1 }), SYNC);
    expect(rig.host.interrupts()).toEqual(["CMD_SYNC"]);
  });
  it("an MSI that aborts is GERROR.MSI_CMDQ_ABT_ERR, and the SYNC is consumed", () => {
    const rig = new SmmuRig().start();
    rig.command(CMD_SYNC.encode({ Opcode: 0x46, CS: 1, MSIAddress: 0x1_0000_0000 / 4 }));
    expect([consumed(rig), rig.read("GERROR")]).toEqual([1, 0x10]);
  });
});

describe("invalidations remove what they name and nothing else (4.3, 4.4)", () => {
  const setup = () => {
    const rig = new NestedRig().start();
    const gpa = rig.map(VA);
    rig.map(VA + 4096);
    const read = (address: number) =>
      rig.smmu.transact({ sid: SID, ssid: rig.ssid, translated: false, address: BigInt(address), write: false, priv: false, exec: false });
    read(VA);
    read(VA + 4096);
    rig.stage1.unmap(VA, 8192);
    return { rig, gpa, stale: (address: number) => typeof read(address) !== "string" };
  };
  const nhVa = (fields: object) => CMD_TLBI_NH_VA.encode({ Opcode: 0x12, VMID: 3, ASID: 7, Leaf: 1, Addr: VA / 4096, ...fields });
  const cases: [string, Uint8Array, boolean, boolean][] = [
    ["NH_VA of its page", nhVa({}), false, true],
    ["NH_VA of its page at level 3 of 4 KiB", nhVa({ TG: 1, TTL: 3 }), false, true],
    ["NH_VA range of two pages", nhVa({ TG: 1, NUM: 1 }), false, false],
    ["NH_VA of another ASID", nhVa({ ASID: 8 }), true, true],
    ["NH_VA of another VMID", nhVa({ VMID: 4 }), true, true],
    ["NH_VA of another granule", nhVa({ TG: 3, TTL: 3 }), true, true],
    ["NH_VA of another level", nhVa({ TG: 1, TTL: 2 }), true, true],
    ["NH_ASID", CMD_TLBI_NH_ASID.encode({ Opcode: 0x11, VMID: 3, ASID: 7 }), false, false],
    ["NH_ASID of another", CMD_TLBI_NH_ASID.encode({ Opcode: 0x11, VMID: 3, ASID: 1 }), true, true],
    ["NH_ALL", CMD_TLBI_NH_ALL.encode({ Opcode: 0x10, VMID: 3 }), false, false],
    ["S12_VMALL of another VMID", CMD_TLBI_S12_VMALL.encode({ Opcode: 0x28, VMID: 1 }), true, true],
    ["S12_VMALL", CMD_TLBI_S12_VMALL.encode({ Opcode: 0x28, VMID: 3 }), false, false],
    ["CFGI_ALL", CFGI_ALL, true, true],
  ];
  for (const [name, command, first, second] of cases) {
    it(`${name}: first page ${first ? "stays" : "goes"}, second ${second ? "stays" : "goes"}`, () => {
      const { rig, stale } = setup();
      rig.command(command, SYNC);
      expect([error(rig), stale(VA), stale(VA + 4096)]).toEqual([0, first, second]);
    });
  }
  it("S2_IPA leaves combined entries", () => {
    const { rig, gpa, stale } = setup();
    rig.command(CMD_TLBI_S2_IPA.encode({ Opcode: 0x2a, VMID: 3, Addr: gpa / 4096 }), SYNC);
    expect(stale(VA)).toBe(true);
  });
  it("an invalid CD stays cached until CFGI_CD names its substream", () => {
    const rig = new NestedRig().start();
    const read = () => rig.smmu.transact({ sid: SID, ssid: 6, translated: false, address: BigInt(VA), write: false, priv: false, exec: false });
    const gpa = rig.map(VA);
    expect(read()).toBe("abort");
    rig.cd(6, { TTB0: rig.stage1.root / 16 });
    rig.command(CMD_CFGI_CD.encode({ Opcode: 0x05, StreamID: SID, SubstreamID: 5 }), SYNC);
    expect(read()).toBe("abort");
    rig.command(CMD_CFGI_CD.encode({ Opcode: 0x05, StreamID: SID, SubstreamID: 6 }), SYNC);
    expect(read()).toEqual({ pa: guestFrame(gpa) });
  });
  it("CFGI_STE drops the stream's STE and CDs", () => {
    const rig = new NestedRig().start();
    const read = () => rig.smmu.transact({ sid: SID, ssid: null, translated: false, address: BigInt(GPA), write: false, priv: false, exec: false });
    rig.ste({ Config: 0 });
    expect(read()).toBe("abort");
    rig.nested({ Config: 6 });
    expect(read()).toBe("abort");
    rig.command(CMD_CFGI_STE.encode({ Opcode: 0x03, StreamID: SID, Leaf: 1 }), SYNC);
    expect(read()).toEqual({ pa: guestFrame(GPA) });
  });
});

it("the trace shows a consumed command decoded", () => {
  const rig = new SmmuRig().start();
  rig.command(CMD_PRI_RESP.encode({ Opcode: 0x41, SSV: 1, SubstreamID: 5, StreamID: SID, PRGIndex: 3, Resp: 2 }));
  expect(rig.trace.of("command.executed")).toEqual([
    {
      kind: "command.executed",
      ids: { sid: "0x8", pasid: 5, grpid: 3 },
      fields: { name: "CMD_PRI_RESP", SSV: 1, SubstreamID: 5, StreamID: "0x8", PRGIndex: 3, Resp: 2 },
    },
  ]);
  expect(rig.trace.of("prg-response.sent")).toEqual([{ kind: "prg-response.sent", ids: { sid: "0x8", pasid: 5, grpid: 3 }, fields: { code: 0 } }]);
  expect(rig.endpoint.responses).toEqual([{ pasid: 5, prgi: 3, code: 0 }]);
});
