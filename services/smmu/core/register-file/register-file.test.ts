import { defaultMachine, type SmmuOptions } from "@faultline/shared/machine/machine.ts";
import { describe, expect, it } from "vitest";
import { SmmuRig } from "../../../../test/support/smmu-rig.ts";
import { type IdRegisters, idRegisters } from "../identity.ts";

const ALL = 0xffff_ffff;
/** Enables that guard writes: [register to write, value that enables]. CR0 and IRQ_CTRL as the guards name them. */
const enables = {
  SMMUEN: [0x20, 1],
  PRIQEN: [0x20, 2],
  EVENTQEN: [0x20, 4],
  CMDQEN: [0x20, 8],
  GERROR_IRQEN: [0x50, 1],
  PRIQ_IRQEN: [0x50, 2],
  EVENTQ_IRQEN: [0x50, 4],
} as const;

interface Row {
  offset: number;
  name: string;
  /** Bytes. */
  size: 4 | 8;
  access: "RO" | "RW" | keyof typeof enables;
  /** What reads back after all ones were written, low and high word; of a guarded register while its enable is 0. */
  keeps: [low: number, high?: number];
  reset?: number;
}
const MSI_CFG0: [number, number] = [0xffff_fffc, 0x00ff_ffff];
const BASE: [number, number] = [ALL, 0x40ff_ffff];

/** Arm IHI 0070 G.b, 6.2 and 6.3, written from spec/smmuv3.md 1.2 to 1.8: the default machine (MSI, ATS, PRI; no HYP, BTM, VMW). */
const table: Row[] = [
  { offset: 0x024, name: "CR0ACK", size: 4, access: "RO", keeps: [0] },
  { offset: 0x028, name: "CR1", size: 4, access: "RW", keeps: [0xfff] },
  { offset: 0x02c, name: "CR2", size: 4, access: "SMMUEN", keeps: [0xa] },
  { offset: 0x040, name: "STATUSR", size: 4, access: "RO", keeps: [0] },
  { offset: 0x048, name: "AGBPA", size: 4, access: "RW", keeps: [0] },
  { offset: 0x054, name: "IRQ_CTRLACK", size: 4, access: "RO", keeps: [0] },
  { offset: 0x060, name: "GERROR", size: 4, access: "RO", keeps: [0] },
  { offset: 0x068, name: "GERROR_IRQ_CFG0", size: 8, access: "GERROR_IRQEN", keeps: MSI_CFG0 },
  { offset: 0x070, name: "GERROR_IRQ_CFG1", size: 4, access: "GERROR_IRQEN", keeps: [ALL] },
  { offset: 0x074, name: "GERROR_IRQ_CFG2", size: 4, access: "GERROR_IRQEN", keeps: [0x3f] },
  { offset: 0x080, name: "STRTAB_BASE", size: 8, access: "SMMUEN", keeps: [0xffff_ffc0, 0x40ff_ffff] },
  { offset: 0x088, name: "STRTAB_BASE_CFG", size: 4, access: "SMMUEN", keeps: [0x307ff] },
  { offset: 0x090, name: "CMDQ_BASE", size: 8, access: "CMDQEN", keeps: BASE },
  { offset: 0x098, name: "CMDQ_PROD", size: 4, access: "RW", keeps: [0xfffff] },
  { offset: 0x09c, name: "CMDQ_CONS", size: 4, access: "CMDQEN", keeps: [0x7f0f_ffff] },
  { offset: 0x0a0, name: "EVENTQ_BASE", size: 8, access: "EVENTQEN", keeps: BASE },
  { offset: 0x0b0, name: "EVENTQ_IRQ_CFG0", size: 8, access: "EVENTQ_IRQEN", keeps: MSI_CFG0 },
  { offset: 0x0b8, name: "EVENTQ_IRQ_CFG1", size: 4, access: "EVENTQ_IRQEN", keeps: [ALL] },
  { offset: 0x0bc, name: "EVENTQ_IRQ_CFG2", size: 4, access: "EVENTQ_IRQEN", keeps: [0x3f] },
  { offset: 0x100a8, name: "EVENTQ_PROD", size: 4, access: "EVENTQEN", keeps: [0x800f_ffff] },
  { offset: 0x100ac, name: "EVENTQ_CONS", size: 4, access: "RW", keeps: [0x800f_ffff] },
  { offset: 0x0c0, name: "PRIQ_BASE", size: 8, access: "PRIQEN", keeps: BASE },
  { offset: 0x0d0, name: "PRIQ_IRQ_CFG0", size: 8, access: "PRIQ_IRQEN", keeps: MSI_CFG0 },
  { offset: 0x0d8, name: "PRIQ_IRQ_CFG1", size: 4, access: "PRIQ_IRQEN", keeps: [ALL] },
  { offset: 0x0dc, name: "PRIQ_IRQ_CFG2", size: 4, access: "PRIQ_IRQEN", keeps: [0x8000_003f] },
  { offset: 0x100c8, name: "PRIQ_PROD", size: 4, access: "PRIQEN", keeps: [0x800f_ffff] },
  { offset: 0x100cc, name: "PRIQ_CONS", size: 4, access: "RW", keeps: [0x800f_ffff] },
  { offset: 0x020, name: "CR0", size: 4, access: "RW", keeps: [0x1f] },
  { offset: 0x050, name: "IRQ_CTRL", size: 4, access: "RW", keeps: [0x7] },
  { offset: 0x044, name: "GBPA", size: 4, access: "RW", keeps: [0x001f_3f1f], reset: 0x1000 },
  { offset: 0x064, name: "GERRORN", size: 4, access: "RW", keeps: [0x1fd] },
];
/** Registers of features that this SMMU does not have, and pages that are not there: RAZ/WI. */
const absent: [number, string][] = [
  [0x008, "IDR2 (VATOS)"],
  [0x010, "IDR4"],
  [0x018, "IIDR"],
  [0x030, "S2PII"],
  [0x0a8, "page 0 alias of EVENTQ_PROD"],
  [0x0ac, "page 0 alias of EVENTQ_CONS"],
  [0x0c8, "page 0 alias of PRIQ_PROD"],
  [0x0cc, "page 0 alias of PRIQ_CONS"],
  [0x100, "GATOS_CTRL"],
  [0x108, "GATOS_SID"],
  [0x110, "GATOS_ADDR"],
  [0x118, "GATOS_PAR"],
  [0x130, "MPAMIDR"],
  [0x138, "GMPAM"],
  [0x13c, "GBPMPAM"],
  [0x180, "VATOS_SEL"],
  [0x190, "IDR6"],
  [0x200, "DPT_BASE"],
  [0x208, "DPT_BASE_CFG"],
  [0x210, "DPT_CFG_FAR"],
  [0xe00, "IMPLEMENTATION DEFINED"],
  [0x4000, "ECMDQ control page"],
  [0x8000, "S_IDR0"],
  [0x8020, "S_CR0"],
  [0x10000, "page 1 is no alias of page 0"],
  [0x10020, "page 1 is no alias of CR0"],
];
const file = (options: Partial<SmmuOptions> = {}, id: Partial<IdRegisters> = {}) => {
  const rig = new SmmuRig(options, id);
  const { regs } = rig.smmu;
  return {
    rig,
    read32: (offset: number) => regs.read(offset, 4)[0],
    read64: (offset: number) => regs.read(offset, 8),
    write32: (offset: number, value: number) => regs.write(offset, 4, value >>> 0, 0),
    write64: (offset: number, low: number, high: number) => regs.write(offset, 8, low >>> 0, high >>> 0),
    regs,
  };
};

describe("the register table (Arm IHI 0070 G.b, 6.2 and 6.3)", () => {
  it.each(table)("$name: reset value, and the bits it keeps of all ones", ({ offset, size, keeps, reset, access }) => {
    const f = file();
    expect(f.read32(offset)).toBe(reset ?? 0);
    f.write32(offset, ALL);
    if (size === 8) f.write32(offset + 4, ALL);
    expect(f.read32(offset)).toBe(access === "RO" ? 0 : keeps[0]);
    if (size === 8) expect(f.read32(offset + 4)).toBe(keeps[1]);
  });
  it.each(table.filter(({ size }) => size === 8))("$name: 64-bit accesses are two 32-bit ones, in any order", ({ offset, keeps: [low, high = 0] }) => {
    const f = file();
    f.write64(offset, ALL, ALL);
    expect(f.read64(offset)).toEqual([low, high]);
    f.write32(offset + 4, 0);
    expect(f.read64(offset)).toEqual([low, 0]);
    f.write32(offset, 0);
    expect(f.read64(offset)).toEqual([0, 0]);
  });
  it.each(table.filter(({ access }) => access in enables))("$name: a write is ignored while $access is 1, in both halves", ({ offset, size, access }) => {
    const f = file();
    const [enable, value] = enables[access as keyof typeof enables];
    const before = f.read32(offset);
    f.write32(enable, value);
    f.write32(offset, ALL);
    if (size === 8) f.write32(offset + 4, ALL);
    if (size === 8) f.write64(offset, ALL, ALL);
    expect([f.read32(offset), size === 8 ? f.read32(offset + 4) : 0]).toEqual([before, 0]);
    f.write32(enable, 0);
    f.write32(offset, ALL);
    expect(f.read32(offset)).not.toBe(0);
  });
  it.each(absent.map(([offset, name]) => ({ at: offset.toString(16), name, offset })))("0x$at, $name: RAZ/WI", ({ offset }) => {
    const f = file();
    f.write32(offset, ALL);
    f.write64(offset, ALL, ALL);
    expect([f.read32(offset), f.read64(offset)]).toEqual([0, [0, 0]]);
  });
  it("identification bytes at 0xFD0", () => {
    const { read32 } = file();
    const bytes = Array.from({ length: 12 }, (_, i) => read32(0xfd0 + 4 * i));
    expect(bytes).toEqual([0x04, 0x00, 0x00, 0x00, 0x84, 0xb4, 0xf0, 0x10, 0x0d, 0xf0, 0x05, 0xb1]);
  });
  it("ID registers are read-only", () => {
    const f = file();
    for (const offset of [0x00, 0x04, 0x0c, 0x14, 0x1c, 0xfd0]) {
      const before = f.read32(offset);
      f.write32(offset, ~before);
      expect(f.read32(offset)).toBe(before);
    }
  });
});

describe("access sizes (6.1)", () => {
  it.each([1, 2])("%i-byte accesses are RAZ/WI", (size) => {
    const { regs, read32 } = file();
    regs.write(0x98, size, 1, 0);
    expect([regs.read(0x00, size), read32(0x98)]).toEqual([[0, 0], 0]);
  });
  it("unaligned accesses are RAZ/WI", () => {
    const f = file();
    f.regs.write(0x9a, 4, 0x10000, 0);
    f.regs.write(0x84, 8, 1, 1);
    expect([f.regs.read(0x02, 4), f.regs.read(0x84, 8), f.read32(0x98), f.read32(0x84)]).toEqual([[0, 0], [0, 0], 0, 0]);
  });
  it("a 64-bit access across two 32-bit registers is RAZ/WI", () => {
    const f = file();
    f.write64(0x98, 5, 5);
    expect([f.read64(0x00), f.read32(0x98), f.read32(0x9c)]).toEqual([[0, 0], 0, 0]);
  });
});

describe("Update and acknowledge (6.3.9, 6.3.15, 6.3.17)", () => {
  it("CR0ACK follows CR0; bits of features that are not there stay 0", () => {
    const f = file();
    f.write32(0x20, ALL);
    expect(f.read32(0x24)).toBe(0x1f);
    const plain = file({ ats: false, pri: false });
    plain.write32(0x20, ALL);
    expect(plain.read32(0x24)).toBe(0x0d);
  });
  it("IRQ_CTRLACK follows IRQ_CTRL, without PRIQ_IRQEN where there is no PRI queue", () => {
    const f = file();
    f.write32(0x50, ALL);
    expect(f.read32(0x54)).toBe(7);
    const plain = file({ ats: false, pri: false });
    plain.write32(0x50, ALL);
    expect(plain.read32(0x54)).toBe(5);
  });
  it("GBPA: a write without Update is ignored, one with it takes effect and Update reads 0", () => {
    const f = file();
    f.write32(0x44, 0x10_0000);
    expect(f.read32(0x44)).toBe(0x1000);
    f.write32(0x44, 0x8010_0000);
    expect(f.read32(0x44)).toBe(0x10_0000);
  });
  it("CR1: TABLE_* is writable only while SMMUEN = 0, QUEUE_* only while no queue is enabled (6.3.11)", () => {
    const f = file();
    for (const [cr0, expected] of [
      [1, 0x03f],
      [2, 0xfc0],
      [4, 0xfc0],
      [8, 0xfc0],
      [9, 0x000],
    ] as const) {
      f.write32(0x20, 0);
      f.write32(0x28, 0);
      f.write32(0x20, cr0);
      f.write32(0x28, ALL);
      expect([cr0, f.read32(0x28)]).toEqual([cr0, expected]);
    }
  });
  it("CR2.E2H is RES0 without IDR0.HYP (6.3.12)", () => {
    const f = file({ hyp: true });
    f.write32(0x2c, ALL);
    expect(f.read32(0x2c)).toBe(0xb);
  });
  it("CR2.REC_CFG_ATS is RES0 without IDR0.ATSRECERR (6.3.12)", () => {
    const f = file({ ats: false, pri: false });
    f.write32(0x2c, ALL);
    expect(f.read32(0x2c)).toBe(2);
  });
});

describe("GERROR and GERRORN (6.3.19, 6.3.20)", () => {
  it("an error is active while its bits differ; it toggles once, and again after it was acknowledged", () => {
    const { rig, read32, write32 } = file();
    const { gerror } = rig.smmu;
    gerror.raise("CMDQ_ERR");
    gerror.raise("CMDQ_ERR");
    expect([read32(0x60), gerror.active("CMDQ_ERR")]).toEqual([1, true]);
    write32(0x64, 1);
    expect(gerror.active("CMDQ_ERR")).toBe(false);
    gerror.raise("CMDQ_ERR");
    expect([read32(0x60), gerror.active("CMDQ_ERR")]).toEqual([0, true]);
  });
  it("one interrupt when an error becomes active, none for MSI_GERROR_ABT_ERR", () => {
    const { rig, write32 } = file();
    write32(0x50, 1);
    rig.smmu.gerror.raise("PRIQ_ABT_ERR");
    rig.smmu.gerror.raise("PRIQ_ABT_ERR");
    rig.smmu.gerror.raise("MSI_GERROR_ABT_ERR");
    expect(rig.host.interrupts()).toEqual(["GERROR"]);
  });
  it("enabling the interrupt later raises none for an error that is active already", () => {
    const { rig, write32 } = file();
    rig.smmu.gerror.raise("CMDQ_ERR");
    write32(0x50, 1);
    expect(rig.host.interrupts()).toEqual([]);
  });
});

describe("MSI configuration (6.3.26 and those like it, 3.18)", () => {
  const sources = [
    { source: "GERROR", cfg: 0x68, bit: 0x80 },
    { source: "EVENTQ", cfg: 0xb0, bit: 0x20 },
    { source: "PRIQ", cfg: 0xd0, bit: 0x40 },
  ] as const;
  it.each(sources)("$source: ADDR = 0 is the wire, an address in RAM gets DATA, one that aborts sets its MSI_*_ABT_ERR", ({ source, cfg, bit }) => {
    const f = file();
    f.write32(0x50, 7);
    f.rig.smmu.interrupts.raise(source);
    expect(f.rig.host.sent).toMatchObject([{ source, deviceId: 0 }]);
    f.write32(0x50, 0);
    f.write64(cfg, f.rig.memory.base + 0x7000, 0);
    f.write32(cfg + 8, 0xcafe_f00d);
    f.write32(0x50, 7);
    f.rig.smmu.interrupts.raise(source);
    expect(f.rig.memory.load32(f.rig.memory.base + 0x7000)).toBe(0xcafe_f00d);
    f.write32(0x50, 0);
    f.write64(cfg, 0, 0x10);
    f.write32(0x50, 7);
    f.rig.smmu.interrupts.raise(source);
    expect(f.read32(0x60) & 0xf0).toBe(bit);
  });
  it("IDR0.MSI = 0: the registers are RES0, but for PRIQ_IRQ_CFG2.LO", () => {
    const f = file({ msi: false });
    for (const { cfg } of sources) {
      f.write64(cfg, ALL, ALL);
      f.write32(cfg + 8, ALL);
      f.write32(cfg + 12, ALL);
      expect([f.read64(cfg), f.read32(cfg + 8), f.read32(cfg + 12)]).toEqual([[0, 0], 0, cfg === 0xd0 ? 0x8000_0000 : 0]);
    }
  });
  it("IDR0.PRI = 0: the registers of the PRI queue are RES0", () => {
    const f = file({ pri: false });
    for (const offset of [0xc0, 0xc4, 0xd0, 0xd4, 0xd8, 0xdc, 0x100c8, 0x100cc]) {
      f.write32(offset, ALL);
      expect(f.read32(offset)).toBe(0);
    }
  });
});

describe("ID registers follow the machine file (6.3.1 to 6.3.6)", () => {
  const fields = (options: Partial<SmmuOptions>) => idRegisters({ ...defaultMachine.smmu, ...options });
  const bits = (value: number, hi: number, lo: number) => Math.floor(value / 2 ** lo) % 2 ** (hi - lo + 1);
  const rows: [string, Partial<SmmuOptions>, "IDR0" | "IDR1" | "IDR3" | "IDR5", number, number, number][] = [
    ["stage2: S2P", { stage2: false }, "IDR0", 0, 0, 0],
    ["stage1: S1P", { stage1: false }, "IDR0", 1, 1, 0],
    ["TTF: AArch64 only", {}, "IDR0", 3, 2, 2],
    ["cohacc: COHACC", { cohacc: false }, "IDR0", 4, 4, 0],
    ["BTM is 0: no edge carries DVM", {}, "IDR0", 5, 5, 0],
    ["httu none", { httu: "none" }, "IDR0", 7, 6, 0],
    ["httu access", { httu: "access" }, "IDR0", 7, 6, 1],
    ["httu dirty", { httu: "dirty" }, "IDR0", 7, 6, 2],
    ["no hyp: HYP is 0", {}, "IDR0", 9, 9, 0],
    ["hyp: HYP", { hyp: true }, "IDR0", 9, 9, 1],
    ["ats: ATS", { ats: true }, "IDR0", 10, 10, 1],
    ["no ats: ATSRECERR is 0 too", { ats: false, pri: false }, "IDR0", 23, 23, 0],
    ["asidBits: ASID16", { asidBits: 8 }, "IDR0", 12, 12, 0],
    ["msi: MSI", { msi: false }, "IDR0", 13, 13, 0],
    ["pri: PRI", { pri: false }, "IDR0", 16, 16, 0],
    ["vmw: VMW", { vmw: true }, "IDR0", 17, 17, 1],
    ["vmidBits: VMID16", { vmidBits: 8 }, "IDR0", 18, 18, 0],
    ["twoLevelCdTable: CD2L", { twoLevelCdTable: false }, "IDR0", 19, 19, 0],
    ["TTENDIAN: little-endian", {}, "IDR0", 22, 21, 2],
    ["stall: STALL_MODEL 0, stall and terminate", { stall: true }, "IDR0", 25, 24, 0],
    ["no stall: STALL_MODEL 1, terminate only", { stall: false }, "IDR0", 25, 24, 1],
    ["twoLevelStreamTable: ST_LEVEL", { twoLevelStreamTable: false, sidBits: 6 }, "IDR0", 28, 27, 0],
    ["sidBits: SIDSIZE", { sidBits: 9 }, "IDR1", 5, 0, 9],
    ["ssidBits: SSIDSIZE", { ssidBits: 4 }, "IDR1", 10, 6, 4],
    ["priqLog2: PRIQS", { priqLog2: 7 }, "IDR1", 15, 11, 7],
    ["no pri: PRIQS is 0", { pri: false, priqLog2: 7 }, "IDR1", 15, 11, 0],
    ["eventqLog2: EVENTQS", { eventqLog2: 19 }, "IDR1", 20, 16, 19],
    ["cmdqLog2: CMDQS", { cmdqLog2: 3 }, "IDR1", 25, 21, 3],
    ["rangeInvalidation: RIL", { rangeInvalidation: false }, "IDR3", 10, 10, 0],
    ["no stage 2: XNX is 0", { stage2: false }, "IDR3", 4, 4, 0],
    ["oas 32", { oas: 32 }, "IDR5", 2, 0, 0],
    ["oas 52", { oas: 52 }, "IDR5", 2, 0, 6],
    ["ds: DS", { ds: true }, "IDR5", 7, 7, 1],
    ["vaBits: VAX", { vaBits: 52 }, "IDR5", 11, 10, 1],
    ["granules", { granules: ["16K"] }, "IDR5", 6, 4, 2],
    ["stall: STALL_MAX is not 0", {}, "IDR5", 31, 16, 32],
    ["no stall: STALL_MAX is 0", { stall: false }, "IDR5", 31, 16, 0],
  ];
  it.each(rows)("%s", (_what, options, register, hi, lo, value) => {
    expect(bits(fields(options)[register], hi, lo)).toBe(value);
  });
});
