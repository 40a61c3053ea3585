import { describe, expect, it } from "vitest";
import { type CoreOutcome, CoreUnderTest } from "./core-under-test.ts";
import { type IdValues, idOf, type WalkedMachine } from "./machine.ts";
import { translate } from "./walker.ts";

/** Both stages, HTTU = 2, 16-bit ASID and VMID, little-endian, terminate only; HAD, XNX, RIL; all granules, OAS 52 where an example needs it. */
const id = (oas: number): IdValues => ({ IDR0: 0x0944_1093, IDR1: 0x0108_0008, IDR3: 0x0000_1414, IDR5: 0x70 + oas, AIDR: 1 });
const [OAS_44, OAS_48, OAS_52] = [4, 5, 6];
const STREAM_TABLE = 0x1000_0000n;
const CD = 0x1800_0000n;

interface Setup {
  oas?: number;
  ste?: Record<number, bigint | number>;
  cd?: Record<number, bigint | number>;
  tables: readonly (readonly [address: bigint | number, descriptor: bigint])[];
}
interface Seen {
  outcome: CoreOutcome;
  event: bigint | null;
  fetches: number;
  memory(address: number): bigint | null | undefined;
}

/** A structure from its fields, keyed by lowest bit. */
const structure = (fields: Record<number, bigint | number>) => Object.entries(fields).reduce((raw, [bit, value]) => raw | (BigInt(value) << BigInt(bit)), 0n);
// STE: V, Config, S1ContextPtr, S2R. CD: V, AA64, R, A, EPD1; IPS = 44 bits.
const STAGE_1 = { 0: 1, 1: 5, 6: CD >> 6n };
const cdWith = (fields: Record<number, bigint | number>) => structure({ 31: 1, 41: 1, 45: 1, 46: 1, 30: 1, 32: 4, ...fields });
const stage2 = (T0SZ: number, SL0: number, TG: number, S2PS: number) => ({
  0: 1,
  1: 6,
  160: T0SZ,
  166: SL0,
  174: TG,
  176: S2PS,
  179: 1,
  186: 1,
  196: 0x9000_0000n >> 4n,
});
const s1 = (T0SZ: number, TG0: number, more: Record<number, bigint | number> = {}) => ({ 0: T0SZ, 6: TG0, 68: 0x8000_0000n >> 4n, ...more });

/** The access in the core, after the walker has been asked the same: they have to give the same. */
function access({ oas = OAS_44, ste = STAGE_1, cd = {}, tables }: Setup, address: bigint, write: boolean): Seen {
  const words = new Map<bigint, bigint>();
  const put = (at: bigint, raw: bigint) => {
    for (let i = 0n; i < 8n; i++) words.set(at + 8n * i, (raw >> (64n * i)) % 2n ** 64n);
  };
  put(STREAM_TABLE, structure(ste));
  put(CD, cdWith(cd));
  for (const [at, descriptor] of tables) words.set(BigInt(at), descriptor);

  const core = new CoreUnderTest(id(oas), { cr0: 5, cr2: 2, STRTAB_BASE: STREAM_TABLE, STRTAB_BASE_CFG: 0n }, { tlb: 0, config: 0, walk: 0 }, 0x0c00_0000n);
  for (const [at, word] of words) core.memory.words.set(Number(at), word);
  core.memory.loads.length = 0;
  const outcome = core.access({ sid: 0, ssid: null, translated: false, address, write, priv: false, exec: false });
  const fetches = core.memory.loads.filter((at) => !core.memory.strays.has(at) && (at < Number(STREAM_TABLE) || at >= Number(CD) + 64)).length;
  const [event = null] = core.events();

  const walked: WalkedMachine = {
    id: idOf(id(oas)),
    regs: { ATSCHK: false, RECINVSID: true, REC_CFG_ATS: false, E2H: false, STRTAB_BASE: STREAM_TABLE, STRTAB_BASE_CFG: 0n },
    memory: {
      load: (at, count) => Array.from({ length: count }, (_, i) => words.get(at + 8n * BigInt(i)) ?? 0n).reduceRight((raw, word) => (raw << 64n) | word, 0n),
      store: (at, value) => void words.set(at, value),
    },
    reach: () => {},
  };
  const [expected] = translate(walked, { sid: 0, ssid: null, translated: false, address, write, priv: false, exec: false });
  if ("pa" in expected) expect(outcome).toEqual(expected);
  else expect({ ...outcome, event }).toEqual({ end: expected.end, event: expected.event?.value ?? null });
  return { outcome, event, fetches, memory: (at) => core.memory.words.get(at) };
}

const goes = (seen: Seen, pa: bigint, fetches?: number) => {
  expect(seen.outcome).toEqual({ pa });
  expect(seen.event).toBeNull();
  if (fetches !== undefined) expect(seen.fetches).toBe(fetches);
};
const F_TRANSLATION = 0x10n;
const F_ADDR_SIZE = 0x11n;
const F_ACCESS = 0x12n;
const F_PERMISSION = 0x13n;
const faults = (seen: Seen, event: bigint, fetches?: number) => {
  expect(seen.outcome).toEqual({ end: "abort" });
  expect((seen.event as bigint) & 0xffn).toBe(event);
  if (fetches !== undefined) expect(seen.fetches).toBe(fetches);
};

describe("The worked examples of page-tables.md, section 11", () => {
  it("1: a 39-bit VA goes through three levels to a 4 KiB page", () => {
    const tables = [[0x8000_0240, 0x8000_1003n] as const, [0x8000_1d10, 0x8000_2003n] as const, [0x8000_2b38, 0xc0de_0f47n] as const];
    goes(access({ cd: s1(25, 0), tables }, 0x12_3456_7abcn, true), 0xc0de_0abcn, 3);
  });

  it("2: a 48-bit VA goes through four levels; AP = 11 lets reads through and refuses writes", () => {
    const tables = [
      [0x8000_07f0, 0x8000_1003n] as const,
      [0x8000_1240, 0x8000_2003n] as const,
      [0x8000_2d10, 0x8000_3003n] as const,
      [0x8000_3b38, 0xc0de_0fc7n] as const,
    ];
    goes(access({ cd: s1(16, 0), tables }, 0x7f12_3456_7abcn, false), 0xc0de_0abcn, 4);
    faults(access({ cd: s1(16, 0), tables }, 0x7f12_3456_7abcn, true), F_PERMISSION);
  });

  it("3: a level-1 block maps 1 GiB", () => {
    goes(access({ cd: s1(25, 0), tables: [[0x8000_0cf0, 0x2_4000_0f45n]] }, 0x67_89ab_cdefn, true), 0x2_49ab_cdefn, 1);
  });

  it("4: APTable = 10 of a table descriptor refuses writes, unless HAD0 = 1", () => {
    const tables = [[0x8000_0008, 0x4000_0000_8000_1003n] as const, [0x8000_1018, 0x0010_0002_0020_0f45n] as const];
    goes(access({ cd: s1(25, 0), tables }, 0x4060_1234n, false), 0x2_0020_1234n, 2);
    faults(access({ cd: s1(25, 0), tables }, 0x4060_1234n, true), F_PERMISSION);
    goes(access({ cd: s1(25, 0, { 65: 1 }), tables }, 0x4060_1234n, true), 0x2_0020_1234n, 2);
  });

  it("5: a 16K level-2 block maps 32 MiB", () => {
    const tables = [[0x8000_2d28, 0x8000_4003n] as const, [0x8000_6968, 0x1_0600_0f45n] as const];
    goes(access({ cd: s1(17, 2), tables }, 0x5a5a_5a5a_5a5an, false), 0x1_065a_5a5an, 2);
  });

  it("6: a 48-bit VA with 16K starts at a level 0 of two entries", () => {
    const tables = [
      [0x8000_0008, 0x8000_4003n] as const,
      [0x8000_4000, 0x8000_8003n] as const,
      [0x8000_8000, 0x8000_c003n] as const,
      [0x8000_e468, 0xf000_4f47n] as const,
    ];
    goes(access({ oas: OAS_48, cd: s1(16, 2, { 32: 5 }), tables }, 0x8000_0123_7654n, false), 0xf000_7654n, 4);
  });

  it("7: a 64K level-2 block maps 512 MiB", () => {
    goes(access({ cd: s1(22, 1), tables: [[0x8000_0c88, 0x5_4000_0f45n]] }, 0x32_3456_789an, false), 0x5_5456_789an, 1);
  });

  it("8: bits 15:12 of a 64K descriptor are address[51:48]; IPS = 48 makes them F_ADDR_SIZE", () => {
    const tables = [[0x8000_0078, 0x8001_0003n] as const, [0x8001_fb70, 0x8002_0003n] as const, [0x8002_5d48, 0x1234_5678_af47n] as const];
    goes(access({ oas: OAS_52, cd: s1(16, 1, { 32: 6 }), tables }, 0x3fed_cba9_8765n, false), 0x000a_1234_5678_8765n, 3);
    faults(access({ oas: OAS_52, cd: s1(16, 1, { 32: 5 }), tables }, 0x3fed_cba9_8765n, false), F_ADDR_SIZE);
  });

  it("9: two concatenated level-1 tables of stage 2 take a 40-bit IPA; one bit more is F_TRANSLATION without a fetch", () => {
    const tables = [[0x9000_1130, 0x9000_2003n] as const, [0x9000_2af0, 0x9000_3003n] as const, [0x9000_36f0, 0x1_2345_67ffn] as const];
    goes(access({ ste: stage2(24, 1, 0, 4), tables }, 0x89_abcd_e123n, true), 0x1_2345_6123n, 3);
    const beyond = access({ ste: stage2(24, 1, 0, 4), tables }, 0x100_0000_0000n, true);
    faults(beyond, F_TRANSLATION, 0);
    expect(((beyond.event as bigint) >> 103n) & 1n).toBe(1n);
  });

  it("10: TTB1 takes the upper VA range, and TBI1 = 1 takes any tag", () => {
    const tables = [[0x8000_0800, 0x8000_1003n] as const, [0x8000_1488, 0x8000_2003n] as const, [0x8000_2a28, 0xabcd_ef47n] as const];
    const cd = { 14: 1, 16: 25, 22: 2, 30: 0, 132: 0x8000_0000n >> 4n };
    goes(access({ cd, tables }, 0xffff_ffc0_1234_5678n, false), 0xabcd_e678n, 3);
    faults(access({ cd, tables }, 0x5aff_ffc0_1234_5678n, false), F_TRANSLATION, 0);
    goes(access({ cd: { ...cd, 39: 1 }, tables }, 0x5aff_ffc0_1234_5678n, false), 0xabcd_e678n, 3);
  });

  describe("11: a descriptor with AF = 0, DBM = 1 and AP = 11", () => {
    const LEAF = 0x8000_2008;
    const tables = [[0x8000_0000, 0x8000_1003n] as const, [0x8000_1000, 0x8000_2003n] as const, [LEAF, 0x0008_0000_1234_5bc7n] as const];
    // CD.HD is bit 42, CD.HA bit 43.
    it("is F_ACCESS without HA", () => faults(access({ cd: s1(25, 0), tables }, 0x1000n, true), F_ACCESS));
    it("becomes accessed and writable by a write with HA and HD", () => {
      const seen = access({ cd: s1(25, 0, { 42: 1, 43: 1 }), tables }, 0x1000n, true);
      goes(seen, 0x1234_5000n);
      expect(seen.memory(LEAF)).toBe(0x0008_0000_1234_5f47n);
    });
    it("becomes accessed by a read with HA and HD", () => {
      const seen = access({ cd: s1(25, 0, { 42: 1, 43: 1 }), tables }, 0x1000n, false);
      goes(seen, 0x1234_5000n);
      expect(seen.memory(LEAF)).toBe(0x0008_0000_1234_5fc7n);
    });
    it("is F_PERMISSION for a write with HA alone", () => faults(access({ cd: s1(25, 0, { 43: 1 }), tables }, 0x1000n, true), F_PERMISSION));
  });

  describe("12: one bad descriptor in the same tables, read", () => {
    const read = (l1: bigint, l2: bigint, l3: bigint) =>
      access(
        {
          cd: s1(25, 0),
          tables: [
            [0x8000_0000, l1],
            [0x8000_1000, l2],
            [0x8000_2008, l3],
          ],
        },
        0x1000n,
        false,
      );
    it("an output address of 45 bits is F_ADDR_SIZE with IPS = 44", () => faults(read(0x8000_1003n, 0x8000_2003n, 0x1000_1234_5f47n), F_ADDR_SIZE, 3));
    it("type 01 at level 3 is F_TRANSLATION", () => faults(read(0x8000_1003n, 0x8000_2003n, 0x1234_5f45n), F_TRANSLATION, 3));
    it("an invalid level 2 is F_TRANSLATION", () => faults(read(0x8000_1003n, 0n, 0n), F_TRANSLATION, 2));
    it("a next table of 45 bits is F_ADDR_SIZE", () => faults(read(0x1000_8000_1003n, 0n, 0n), F_ADDR_SIZE, 1));
  });

  it("13: a nested walk of three levels over three takes 15 fetches", () => {
    const tables = [
      [0x9000_0008, 0x9100_1003n] as const,
      [0x9100_1000, 0x9200_1003n] as const,
      [0x9200_1000, 0xa000_07ffn] as const,
      [0x9200_1008, 0xa000_17ffn] as const,
      [0x9200_1010, 0xa000_27ffn] as const,
      [0x9100_1400, 0x9200_5003n] as const,
      [0x9200_5000, 0xb000_57ffn] as const,
      [0xa000_0240, 0x4000_1003n] as const,
      [0xa000_1d10, 0x4000_2003n] as const,
      [0xa000_2b38, 0x5000_0f47n] as const,
      // The CD lies at the IPA that is its PA: a level-2 block of the same stage 2.
      [0x9000_0000, 0x9300_0003n] as const,
      [0x9300_0000 + 8 * 0xc0, 0x1800_07fdn] as const,
    ];
    const ste = { ...stage2(24, 1, 0, 4), 1: 7, 6: CD >> 6n };
    const seen = access({ ste, cd: s1(25, 0, { 68: 0x4000_0000n >> 4n }), tables }, 0x12_3456_7abcn, true);
    // Two fetches more: stage 2 of the CD.
    goes(seen, 0xb000_5abcn, 15 + 2);
  });

  it("14: four concatenated level-2 tables of stage 2 with 64K", () => {
    const tables = [[0x9002_af30, 0x9010_0003n] as const, [0x9010_f788, 0x7_8901_07ffn] as const];
    goes(access({ ste: stage2(20, 1, 1, 4), tables }, 0x0abc_def1_2345n, false), 0x7_8901_2345n, 2);
  });
});
