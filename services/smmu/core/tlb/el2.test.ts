import { CMD_TLBI_EL2_VA, CMD_TLBI_NH_ALL, CMD_TLBI_NH_ASID, CMD_TLBI_NSNH_ALL, CMD_TLBI_S12_VMALL } from "@faultline/shared/arm-smmu-v3/command.ts";
import { CD } from "@faultline/shared/arm-smmu-v3/context-descriptor.ts";
import { IoPgtable } from "@faultline/shared/linux/io-pgtable-arm.ts";
import { describe, expect, it } from "vitest";
import { SID, SmmuRig } from "../../../../test/support/smmu-rig.ts";

const VA = 0x7f00_0000_0000;
const FRAME = 0x4123_4000;
const EL2_ALL = CMD_TLBI_NH_ALL.encode({ Opcode: 0x20 });
const EL2_ASID = (ASID: number) => CMD_TLBI_NH_ASID.encode({ Opcode: 0x21, ASID });
const EL2_VA = (ASID: number, address = VA) => CMD_TLBI_EL2_VA.encode({ Opcode: 0x22, ASID, Leaf: 1, Addr: address / 4096 });
const EL2_VAA = CMD_TLBI_EL2_VA.encode({ Opcode: 0x23, Leaf: 1, Addr: VA / 4096 });

/** One stage-1 stream in an EL2 world, with a page at VA that is privileged (AP[1] = 0). */
function el2({ STRW = 2, e2h = false, cd = {} as Parameters<typeof CD.encode>[0] } = {}) {
  const rig = new SmmuRig({ hyp: true });
  const table = new IoPgtable({ memory: rig.memory, allocFrame: () => rig.allocFrame(), freeFrame: () => {}, format: "stage1", inputBits: 48, outputBits: 48 });
  table.map(VA, FRAME, 4096, { read: true, write: true, user: false });
  const at = rig.allocFrame() as number;
  rig.memory.write(at, CD.encode({ V: 1, T0SZ: 16, EPD1: 1, IPS: 5, AA64: 1, R: 1, A: 1, ASID: 7, TTB0: table.root / 16, ...cd }));
  rig.ste({ Config: 5, STRW, S1ContextPtr: at / 64, S2VMID: 3 });
  rig.start({ cr2: e2h ? 0xb : 0xa });
  const access = (write = false, priv = false, address = BigInt(VA)) => rig.smmu.transact({ sid: SID, ssid: null, translated: false, address, write, priv, exec: false });
  const survives = (...commands: Uint8Array[]) => {
    access(false, true);
    expect(rig.smmu.tlb.size).toBe(1);
    rig.command(...commands);
    expect(rig.read("GERROR")).toBe(0);
    return rig.smmu.tlb.size === 1;
  };
  return { rig, access, survives };
}

describe("EL2 stream worlds (IDR0.HYP; STE.STRW, CR2.E2H; smmuv3.md 2.2, 3.3, 4.4, 9)", () => {
  it("EL2 has one privilege: AP[1] and PnU do not count", () => {
    const { access } = el2();
    expect([access(), access(true), access(false, true)]).toEqual([{ pa: FRAME }, { pa: FRAME }, { pa: FRAME }]);
  });
  it("EL2-E2H has two, as NS-EL1", () => {
    const { access } = el2({ e2h: true });
    expect([access(), access(false, true)]).toEqual(["abort", { pa: FRAME }]);
  });
  it("EL2 has the lower range alone, whatever EPD0 and TTB1 say, and no ASID", () => {
    const { access, rig } = el2({ cd: { EPD0: 1, EPD1: 0, T1SZ: 63, TG1: 0 } });
    expect(access()).toEqual({ pa: FRAME });
    expect(access(false, false, 0xffff_0000_0000_0000n + BigInt(VA))).toBe("abort");
    expect([...rig.smmu.tlb.entries()].map(({ vmid }) => vmid)).toEqual([0x10000]);
  });
  it("STRW = x1 is an ILLEGAL STE, and without HYP nobody looks at STRW", () => {
    const { rig, access } = el2();
    rig.ste({ Config: 5, STRW: 1 });
    expect(access()).toBe("abort");
    expect(rig.events()[0][0]).toBe(0x04);
    const plain = new SmmuRig();
    plain.ste({ Config: 4, STRW: 3 });
    plain.start();
    expect(plain.smmu.transact({ sid: SID, ssid: null, translated: false, address: 0x1000n, write: false, priv: false, exec: false })).toEqual({ pa: 0x1000 });
  });

  it("commands of NS-EL1 leave entries of EL2, of any VMID", () => {
    const { survives } = el2();
    const nsnh = [
      CMD_TLBI_NSNH_ALL.encode({ Opcode: 0x30 }),
      ...[0, 3].flatMap((VMID) => [CMD_TLBI_NH_ALL.encode({ Opcode: 0x10, VMID }), CMD_TLBI_S12_VMALL.encode({ Opcode: 0x28, VMID })]),
    ];
    expect(survives(...nsnh)).toBe(true);
  });
  it("TLBI_EL2_ALL, EL2_VAA and EL2_VA, which without E2H looks at no ASID; EL2_ASID then meets nothing", () => {
    expect([survivors(EL2_ALL), survivors(EL2_VAA), survivors(EL2_VA(9)), survivors(EL2_VA(7, VA + 4096))]).toEqual([false, false, false, true]);
    expect([survivors(EL2_ASID(0)), survivors(EL2_ASID(7))]).toEqual([true, true]);
  });
  it("with E2H the ASID is compared", () => {
    expect([survivors(EL2_VA(9), true), survivors(EL2_VA(7), true), survivors(EL2_VAA, true)]).toEqual([true, false, false]);
    expect([survivors(EL2_ASID(9), true), survivors(EL2_ASID(7), true)]).toEqual([true, false]);
  });
  it("entries of NS-EL1 are left by commands of EL2", () => {
    expect(el2({ STRW: 0 }).survives(EL2_ALL, EL2_VAA, EL2_VA(7))).toBe(true);
  });
});

const survivors = (command: Uint8Array, e2h = false): boolean => el2({ e2h }).survives(command);
