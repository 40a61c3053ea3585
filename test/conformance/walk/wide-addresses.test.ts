import { describe, expect, it } from "vitest";
import { CoreUnderTest } from "./core-under-test.ts";

const STREAM_TABLE = 0x1000_0000n;
const CD = 0x1800_0000n;
const CMDQ = 0x2000_0000;
const OFFSET = { CR0: 0x20, CMDQ_BASE: 0x90, CMDQ_PROD: 0x98, CMDQ_CONS: 0x9c };
const [C_BAD_STE, C_BAD_CD, F_TRANSLATION, F_ADDR_SIZE] = [0x04, 0x0a, 0x10, 0x11];
/** VA and IPA with something in every level: bits 51:48, then L0 index 0x24, and the offset in a 512 GiB block. */
const WIDE = 0x9_1234_5678_9abcn;
const IN_512G = 0x34_5678_9abcn;
/** OA 0xD_8000_0000_0000 of a 4K level-0 block: [51:50] in bits 9:8, [49:48] in place; AF, nG, AP[1]. */
const BLOCK = 0x0001_8000_0000_0f41n;
const OUT = 0xd_8000_0000_0000n + IN_512G;

/** Fields by lowest bit. */
const structure = (fields: Record<number, bigint | number>) => Object.entries(fields).reduce((raw, [bit, value]) => raw | (BigInt(value) << BigInt(bit)), 0n);
const STAGE_1 = { 0: 1, 1: 5, 6: CD >> 6n };
// V, AA64, R, A, EPD1; IPS = 52, DS; TTB0, 4K, T0SZ = 12.
const cd = (more: Record<number, bigint | number> = {}) => ({ 31: 1, 41: 1, 45: 1, 46: 1, 30: 1, 32: 6, 186: 1, 0: 12, 68: 0x8000_0000n >> 4n, ...more });
// V, Config = 110, S2AA64, S2R, S2PS = 52, S2DS; S2TTB.
const stage2 = (more: Record<number, bigint | number>) => ({ 0: 1, 1: 6, 179: 1, 186: 1, 176: 6, 195: 1, 196: 0x9000_0000n >> 4n, ...more });

/** OAS 52, all granules, both stages, RIL; IDR5.DS and VAX as said. */
function machine(setup: { ste?: Record<number, bigint | number>; cd?: Record<number, bigint | number>; tables: Record<number, bigint>; DS?: boolean; VAX?: boolean }) {
  const IDR5 = 0x76 + (setup.DS === false ? 0 : 0x80) + (setup.VAX ? 0x400 : 0);
  const core = new CoreUnderTest(
    { IDR0: 0x0944_1093, IDR1: 0x0108_0008, IDR3: 0x1414, IDR5, AIDR: 1 },
    { cr0: 5, cr2: 2, STRTAB_BASE: STREAM_TABLE, STRTAB_BASE_CFG: 0n },
    { tlb: 16, config: 16, walk: 0 },
    0x0c00_0000n,
  );
  core.write(OFFSET.CMDQ_BASE, 8, BigInt(CMDQ) + 4n);
  core.write(OFFSET.CR0, 4, 0xdn);
  const put = (at: bigint, raw: bigint) => {
    for (let i = 0n; i < 8n; i++) core.memory.words.set(Number(at + 8n * i), (raw >> (64n * i)) % 2n ** 64n);
  };
  put(STREAM_TABLE, structure(setup.ste ?? STAGE_1));
  put(CD, structure(setup.cd ?? cd()));
  for (const [at, descriptor] of Object.entries(setup.tables)) core.memory.words.set(Number(at), descriptor);
  let commands = 0;
  return {
    core,
    read: (address: bigint) => core.access({ sid: 0, ssid: null, translated: false, address, write: false, priv: false, exec: false }),
    event: () => Number(core.events()[0] & 0xffn),
    command(low: bigint, high: bigint) {
      core.memory.words.set(CMDQ + commands * 16, low);
      core.memory.words.set(CMDQ + commands * 16 + 8, high);
      core.write(OFFSET.CMDQ_PROD, 4, BigInt(++commands));
      expect(core.read(OFFSET.CMDQ_CONS, 4)).toBe(BigInt(commands));
    },
  };
}
const stage1Tables = { 2147483720: 0x8000_1003n, 2147488032: BLOCK };

describe("52-bit addresses with 4K and 16K (IDR5.DS; page-tables.md, 1.1, 2, 3.2, 3.3 and 4.1)", () => {
  it("CD.DS: T0SZ = 12 starts at level -1; a level-0 block maps 512 GiB, with address[51:50] in bits 9:8", () => {
    expect(machine({ tables: stage1Tables }).read(WIDE)).toEqual({ pa: OUT });
  });
  it("the upper table takes the VAs whose bits 63:52 are ones", () => {
    const upper = { 14: 1, 30: 0, 16: 12, 22: 2, 132: 0x8000_0000n >> 4n };
    const { read, event } = machine({ cd: cd(upper), tables: stage1Tables });
    expect(read(0xfff0_0000_0000_0000n + WIDE)).toEqual({ pa: OUT });
    expect(read(0xff70_0000_0000_0000n + WIDE)).toEqual({ end: "abort" });
    expect(event()).toBe(F_TRANSLATION);
  });
  it("IPS = 48 makes the same output F_ADDR_SIZE", () => {
    const { read, event } = machine({ cd: cd({ 32: 5 }), tables: stage1Tables });
    read(WIDE);
    expect(event()).toBe(F_ADDR_SIZE);
  });
  it.each([
    ["CD.DS = 0", { cd: cd({ 186: 0 }) }],
    ["IDR5.DS = 0: CD.DS is RES0", { DS: false }],
    ["T0SZ = 11", { cd: cd({ 0: 11 }) }],
  ])("%s: ILLEGAL CD", (_what, setup) => {
    const { read, event } = machine({ ...setup, tables: stage1Tables });
    read(WIDE);
    expect(event()).toBe(C_BAD_CD);
  });
  it("16K: a level-1 block maps 64 GiB with DS, and is no descriptor without", () => {
    // T0SZ = 17: level 1, index VA[46:36] = 0x123; [51:50] = 01.
    const tables = { [0x8000_0000 + 0x123 * 8]: 0x0000_7000_0000_0d41n };
    const va = 0x1234_5678_9abcn;
    expect(machine({ cd: cd({ 0: 17, 6: 2 }), tables }).read(va)).toEqual({ pa: 0x4_7004_5678_9abcn });
    const without = machine({ cd: cd({ 0: 17, 6: 2, 186: 0 }), tables });
    without.read(va);
    expect(without.event()).toBe(F_TRANSLATION);
  });

  it("S2DS: {S2SL0_2 = 1, S2SL0 = 0} starts at level -1", () => {
    const tables = { 2415919176: 0x9000_1003n, 2415923488: BLOCK | 0xc0n };
    expect(machine({ ste: stage2({ 160: 12, 194: 1 }), tables }).read(WIDE)).toEqual({ pa: OUT });
  });
  it("S2DS: S2SL0 = 2 with S2T0SZ = 12 takes 16 concatenated level-0 tables", () => {
    expect(machine({ ste: stage2({ 160: 12, 166: 2 }), tables: { [0x9000_0000 + 0x1224 * 8]: BLOCK | 0xc0n } }).read(WIDE)).toEqual({ pa: OUT });
  });
  it("S2DS: S2SL0 = 3 with 16K starts at level 0", () => {
    // Level 0: IPA[51:47] = 0x12; level 1: IPA[46:36] = 0x123.
    const tables = { [0x9000_0000 + 0x12 * 8]: 0x9000_4003n, [0x9000_4000 + 0x123 * 8]: 0x0000_7000_0000_0dc1n };
    expect(machine({ ste: stage2({ 160: 12, 166: 3, 174: 2 }), tables }).read(WIDE)).toEqual({ pa: 0x4_7004_5678_9abcn });
  });
  it.each([
    ["S2DS = 0, S2T0SZ = 12", stage2({ 160: 12, 166: 2, 195: 0 })],
    ["S2DS = 0, S2T0SZ = 15 with 16K", stage2({ 160: 15, 166: 2, 174: 2, 195: 0 })],
    ["{S2SL0_2 = 1, S2SL0 = 1} is reserved", stage2({ 160: 12, 166: 1, 194: 1 })],
    ["a level -1 whose only index bit S2T0SZ = 16 takes away", stage2({ 160: 16, 194: 1 })],
    ["S2SL0 = 3 with 16K and S2DS = 0", stage2({ 160: 16, 166: 3, 174: 2, 195: 0 })],
  ])("%s: ILLEGAL STE", (_what, ste) => {
    const { read, event } = machine({ ste, tables: {} });
    read(0n);
    expect(event()).toBe(C_BAD_STE);
  });
  it("VAX: 64K has 52-bit VAs, and only then", () => {
    // T0SZ = 12: level 1, index VA[51:42] = 0x244; a 4 TiB block at 0xA_0000_0000_0000 (bits 15:12).
    const tables = { [0x8000_0000 + 0x244 * 8]: 0xaf41n };
    expect(machine({ VAX: true, cd: cd({ 6: 1 }), tables }).read(WIDE)).toEqual({ pa: 0xa_0234_5678_9abcn });
    const { read, event } = machine({ cd: cd({ 6: 1 }), tables });
    read(WIDE);
    expect(event()).toBe(C_BAD_CD);
  });
});

describe("invalidation of 52-bit addresses (smmuv3.md, 4.3)", () => {
  const TLBI_NH_VAA = 0x13n;
  const range = (NUM: bigint, SCALE: bigint) => TLBI_NH_VAA | (NUM << 12n) | (SCALE << 20n);
  const TG_4K = 1n << 10n;
  const stale = (low: bigint, high: bigint): boolean => {
    const { core, read, command } = machine({ tables: stage1Tables });
    read(WIDE);
    core.memory.words.set(0x8000_1120, 0n);
    command(low, high);
    return "pa" in read(WIDE);
  };
  const page = (address: bigint) => address & ~0xfffn;

  it("an address that differs in bit 51 is another one", () => {
    expect(stale(TLBI_NH_VAA, page(WIDE))).toBe(false);
    expect(stale(TLBI_NH_VAA, page(WIDE - 0x8_0000_0000_0000n))).toBe(true);
  });
  it("SCALE has six bits: 2^34 granules of 4K reach from bit 46 down", () => {
    expect(stale(range(0n, 34n), TG_4K | (page(WIDE) - 2n ** 45n))).toBe(false);
    expect(stale(range(0n, 34n), TG_4K | (page(WIDE) - 2n ** 47n))).toBe(true);
  });
  it("a range does not reach from the lower half of the address space into the upper one", () => {
    const upper = { 14: 1, 30: 0, 16: 12, 22: 2, 132: 0x8000_0000n >> 4n };
    const { core, read, command } = machine({ cd: cd(upper), tables: stage1Tables });
    const va = 0xfff0_0000_0000_0000n + WIDE;
    read(va);
    core.memory.words.set(0x8000_1120, 0n);
    command(range(31n, 39n), TG_4K | page(WIDE - 2n ** 44n));
    expect(read(va)).toEqual({ pa: OUT });
    command(range(31n, 39n), TG_4K | page(va - 2n ** 44n));
    expect(read(va)).toEqual({ end: "abort" });
  });
  it("an IPA operand above 52 bits is out of range: nothing is removed", () => {
    const { core, read, command } = machine({ ste: stage2({ 160: 12, 194: 1 }), tables: { 2415919176: 0x9000_1003n, 2415923488: BLOCK | 0xc0n } });
    read(WIDE);
    core.memory.words.set(0x9000_1120, 0n);
    command(0x2an, page(WIDE) + 2n ** 53n);
    expect(read(WIDE)).toEqual({ pa: OUT });
    command(0x2an, page(WIDE));
    expect(read(WIDE)).toEqual({ end: "abort" });
  });
  it("SCALE above 39 acts as 39", () => {
    // 32 * 2^39 granules are 2^56 bytes; the range ends with its half of the address space.
    expect(stale(range(31n, 63n), TG_4K)).toBe(false);
    expect(stale(range(31n, 63n), TG_4K | page(WIDE + 2n ** 40n))).toBe(true);
  });
});
