import type { SmmuOptions } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { at, RAM, SID, SmmuRig } from "../../../../test/support/smmu-rig.ts";

const error = (rig: SmmuRig) => (rig.read("CMDQ_CONS") >>> 24) & 0x7f;
const consumed = (rig: SmmuRig) => rig.read("CMDQ_CONS") & 0xfffff;
/** An opcode with all other fields 0, but for `bits` of the first word. */
const command = (opcode: number, bits = 0) => new Uint8Array(new Uint32Array([opcode | bits, 0, 0, 0]).buffer);
/** Which of these opcodes an SMMU takes, each in a queue that begins again at its first entry. */
function taken(options: Partial<SmmuOptions>, opcodes: readonly number[], bits = 0): number[] {
  const rig = new SmmuRig(options).start();
  return opcodes.filter((opcode) => {
    rig.write("CR0", 0x17);
    for (const pointer of ["CMDQ_PROD", "CMDQ_CONS"] as const) rig.write(pointer, 0);
    rig.write("GERRORN", rig.read("GERROR"));
    rig.memory.write(at.cmdq, command(opcode, bits));
    rig.write("CR0", 0x1f);
    rig.write("CMDQ_PROD", 1);
    rig.settle();
    expect(consumed(rig)).toBe(error(rig) === 0 ? 1 : 0);
    return error(rig) === 0;
  });
}
const SSEC = 0x400;
const every = Array.from({ length: 256 }, (_, opcode) => opcode);
/** spec/smmuv3.md, 4.1 and 4.2: prefetch, CFGI, TLBI of NS-EL1, ATC_INV, PRI_RESP, RESUME, STALL_TERM, SYNC. */
const implemented = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x28, 0x2a, 0x30, 0x40, 0x41, 0x44, 0x45, 0x46];
const without = (...gone: number[]) => implemented.filter((opcode) => !gone.includes(opcode));

describe("which opcodes are CERROR_ILL (Arm IHI 0070 G.b, 4.1 to 4.7)", () => {
  it("of all 256, the default machine takes its own; EL2, EL3, Secure, VMS and DPT forms, IMPLEMENTATION DEFINED and reserved ones are ILLEGAL", () => {
    expect(taken({}, every)).toEqual(implemented);
  });
  it.each<[string, Partial<SmmuOptions>, number[]]>([
    ["stage 1: CFGI_CD, CFGI_CD_ALL and TLBI_NH_*", { stage1: false }, without(0x05, 0x06, 0x10, 0x11, 0x12, 0x13)],
    ["stage 2: TLBI_S12_VMALL and S2_IPA", { stage2: false }, without(0x28, 0x2a)],
    ["ATS and PRI: ATC_INV and PRI_RESP", { ats: false, pri: false }, without(0x40, 0x41)],
    ["PRI: PRI_RESP", { pri: false }, without(0x41)],
    ["a stall model: RESUME and STALL_TERM", { stall: false }, without(0x44, 0x45)],
  ])("without %s", (_what, options, expected) => expect(taken(options, implemented)).toEqual(expected));
  it("with EL2 worlds (HYP): TLBI_EL2_ALL, _ASID, _VA and _VAA too", () => {
    expect(taken({ hyp: true }, every).filter((opcode) => !implemented.includes(opcode))).toEqual([0x20, 0x21, 0x22, 0x23]);
  });
  it("SSec = 1 is ILLEGAL on this queue wherever there is the field", () => {
    expect(taken({}, implemented, SSEC)).toEqual([0x10, 0x11, 0x12, 0x13, 0x28, 0x2a, 0x30, 0x40, 0x41]);
  });
});

describe("commands that are legal and ignored (4.2)", () => {
  it("ATC_INV and PRI_RESP while SMMUEN = 0 are consumed and reach no function", () => {
    const rig = new SmmuRig().start({ cr0: 0x08 });
    const ofFunction = (opcode: number) => new Uint8Array(new Uint32Array([opcode, SID, 0, 0]).buffer);
    rig.command(ofFunction(0x40), ofFunction(0x41));
    expect([consumed(rig), error(rig), rig.endpoint.invalidations, rig.endpoint.responses]).toEqual([2, 0, [], []]);
  });
  it("PREFETCH, CFGI, ATC_INV and PRI_RESP for a StreamID outside the table are consumed", () => {
    const rig = new SmmuRig().start();
    for (const opcode of [0x01, 0x02, 0x03, 0x05, 0x06, 0x40, 0x41]) rig.command(new Uint8Array(new Uint32Array([opcode, 0xffff_ffff, 0, 0]).buffer));
    expect([consumed(rig), error(rig), rig.events()]).toEqual([7, 0, []]);
  });
  it("PREFETCH of a bad configuration records no event", () => {
    const rig = new SmmuRig().start();
    rig.command(new Uint8Array(new Uint32Array([0x01, SID, 0, 0]).buffer));
    expect(rig.events()).toEqual([]);
  });
  it("ATC_INV with SSV = 1 where there are no PASIDs acts as SSV = 0", () => {
    const rig = new SmmuRig({ ssidBits: 0 }).start();
    rig.command(new Uint8Array(new Uint32Array([0x40 | 0x800 | (5 << 12), SID, 52, 0]).buffer));
    expect(rig.endpoint.invalidations).toMatchObject([{ pasid: null }]);
  });
});

describe("consumption (3.5, 7.1)", () => {
  it("one command a step, so that something fits between two", () => {
    const rig = new SmmuRig().start();
    for (const i of [0, 1]) rig.memory.write(at.cmdq + i * 16, command(0x30));
    rig.write("CMDQ_PROD", 2);
    expect([consumed(rig), rig.smmu.step(), consumed(rig), rig.smmu.step(), consumed(rig), rig.smmu.step()]).toEqual([0, true, 1, true, 2, false]);
  });
  it("CMDQEN = 0 stops it, and CONS stays", () => {
    const rig = new SmmuRig().start({ cr0: 0x17 });
    rig.command(command(0x30));
    expect(consumed(rig)).toBe(0);
    rig.write("CR0", 0x1f);
    rig.settle();
    expect(consumed(rig)).toBe(1);
  });
  it("an active CMDQ_ERR stops it until it is acknowledged, whatever PROD says", () => {
    const rig = new SmmuRig().start();
    rig.command(command(0));
    rig.command(command(0x30));
    expect([consumed(rig), error(rig)]).toEqual([0, 1]);
    rig.memory.write(RAM + 0x2000, command(0x30));
    rig.write("GERRORN", rig.read("GERROR"));
    rig.settle();
    expect(consumed(rig)).toBe(2);
  });
  it("a queue of one entry: index and wrap in bit 0", () => {
    const rig = new SmmuRig();
    rig.write("CMDQ_BASE", at.cmdq);
    rig.write("CR0", 8);
    rig.memory.write(at.cmdq, command(0x30));
    for (const prod of [1, 0]) {
      rig.write("CMDQ_PROD", prod);
      rig.settle();
      expect(consumed(rig)).toBe(prod);
    }
  });
  it("a TLBI range of TG, NUM = SCALE = 0 is ILLEGAL by the effective TTL: 16 KiB has no level-1 leaf", () => {
    const range = (tg: number, ttl: number) => new Uint8Array(new Uint32Array([0x12, 0, (tg << 10) | (ttl << 8), 0]).buffer);
    const result = [range(1, 0), range(1, 1), range(2, 1), range(2, 2), range(3, 3)].map((bytes) => {
      const rig = new SmmuRig().start();
      rig.command(bytes);
      return error(rig);
    });
    expect(result).toEqual([1, 0, 1, 0, 0]);
  });
  it("without range invalidation TG, NUM, SCALE and TTL are RES0", () => {
    const rig = new SmmuRig({ rangeInvalidation: false }).start();
    rig.command(new Uint8Array(new Uint32Array([0x12, 0, 1 << 10, 0]).buffer));
    expect(error(rig)).toBe(0);
  });
});
