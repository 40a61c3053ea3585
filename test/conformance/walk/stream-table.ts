import { addressBits, alignDown, bits, inPlace, pow2, Termination, type WalkedMachine } from "./machine.ts";

/** STE of a StreamID as one 512-bit number (smmuv3.md, 1.7 and 2.1). C_BAD_STREAMID, F_STE_FETCH. */
export function fetchSte({ id, regs, memory, reach }: WalkedMachine, sid: number): bigint {
  const log2Size = Math.min(bits(regs.STRTAB_BASE_CFG, 5, 0), id.SIDSIZE);
  const stop = (row: string): never => {
    reach(`C_BAD_STREAMID: ${row}`);
    throw new Termination("C_BAD_STREAMID");
  };
  const fetchFault = (row: string, FetchAddr: bigint): never => {
    reach(`F_STE_FETCH: ${row}`);
    throw new Termination("F_STE_FETCH", { FetchAddr });
  };
  if (BigInt(sid) >= pow2(log2Size)) stop("StreamID beyond LOG2SIZE");
  const base = inPlace(regs.STRTAB_BASE, 55, 6);
  let address: bigint;
  if (id.ST_LEVEL === 0 || bits(regs.STRTAB_BASE_CFG, 17, 16) !== 1) {
    reach("stream table: linear");
    address = alignDown(base, pow2(log2Size + 6)) + BigInt(sid) * 64n;
  } else {
    reach("stream table: 2-level");
    const field = bits(regs.STRTAB_BASE_CFG, 10, 6);
    const split = [6, 8, 10].includes(field) ? field : 6;
    const l1 = alignDown(base, pow2(Math.max(5, log2Size - split - 1 + 3) + 1)) + BigInt(sid >> split) * 8n;
    const l1std = l1 >= pow2(id.OAS) ? null : memory.load(l1, 1, { of: "L1STD", split });
    if (l1std === null) return fetchFault("L1STD", l1);
    const span = bits(l1std, 4, 0);
    const index = sid % 2 ** split;
    if (span === 0 || span > 11) stop("Span 0 or reserved");
    if (span > split + 1) stop("Span beyond SPLIT");
    if (index >= 2 ** (span - 1)) stop("StreamID beyond Span");
    address = alignDown(inPlace(l1std, 55, 6), pow2(span + 5)) + BigInt(index) * 64n;
  }
  // CONSTRAINED UNPREDICTABLE: an address above OAS faults (the alternative: truncation).
  if (address >= pow2(id.OAS)) fetchFault("address beyond OAS", address);
  return memory.load(address, 8, { of: "STE", sid }) ?? fetchFault("STE", address);
}

interface Shape {
  pageBits: number;
  /** S2SL0, and 4 for {S2SL0_2 = 1, S2SL0 = 0}, which exists with DS and 4K. */
  SL0: number;
  level: number;
  one: readonly [number, number];
  least: number;
  leastDS?: number;
  oas: number;
  stt?: true;
  ds?: true;
}

/** page-tables.md, 3.3: start level, T0SZ of one table, and the smallest T0SZ with concatenated tables. `oas`: 3.2. A start at level -1 has no row there: its T0SZ are those of section 2. */
const STAGE_2_GEOMETRY: readonly Shape[] = [
  { pageBits: 12, SL0: 2, level: 0, one: [16, 24], least: 16, leastDS: 12, oas: 44 },
  { pageBits: 12, SL0: 4, level: -1, one: [12, 15], least: 12, oas: 52, ds: true },
  { pageBits: 12, SL0: 1, level: 1, one: [25, 33], least: 21, oas: 0 },
  { pageBits: 12, SL0: 0, level: 2, one: [34, 42], least: 30, oas: 0 },
  { pageBits: 12, SL0: 3, level: 3, one: [43, 48], least: 39, oas: 0, stt: true },
  { pageBits: 14, SL0: 3, level: 0, one: [12, 16], least: 12, oas: 0, ds: true },
  { pageBits: 14, SL0: 2, level: 1, one: [17, 27], least: 16, leastDS: 13, oas: 42 },
  { pageBits: 14, SL0: 1, level: 2, one: [28, 38], least: 24, oas: 0 },
  { pageBits: 14, SL0: 0, level: 3, one: [39, 48], least: 35, oas: 0 },
  { pageBits: 16, SL0: 2, level: 1, one: [12, 21], least: 12, oas: 44 },
  { pageBits: 16, SL0: 1, level: 2, one: [22, 34], least: 18, oas: 0 },
  { pageBits: 16, SL0: 0, level: 3, one: [35, 47], least: 31, oas: 0 },
] as const;

const S2TG_PAGE_BITS = [12, 16, 14, 0];

const leastOf = ({ least, leastDS = least }: Shape, DS: boolean): number => (DS ? leastDS : least);

/** What stage 2 of an STE looks like, legal or not. */
export function stage2Geometry(ste: bigint, { id }: Pick<WalkedMachine, "id">) {
  const pageBits = S2TG_PAGE_BITS[bits(ste, 175, 174)];
  const T0SZ = bits(ste, 165, 160);
  const DS = id.DS && bits(ste, 195) === 1 && pageBits !== 16;
  const SL0 = bits(ste, 167, 166) + (DS && pageBits === 12 ? 4 * bits(ste, 194) : 0);
  const row = STAGE_2_GEOMETRY.find((one) => one.pageBits === pageBits && one.SL0 === SL0);
  const fits = row !== undefined && T0SZ >= leastOf(row, DS) && T0SZ <= row.one[1] && (id.STT || !row.stt) && (DS || !row.ds);
  const level = fits && id.OAS >= row.oas ? row.level : null;
  return { pageBits, T0SZ, DS, fits, level, outputBits: Math.min(addressBits(bits(ste, 178, 176)), id.OAS), base: inPlace(ste, 243, 196) >> 192n };
}

/** Legal geometries for a generator: S2TG, S2SL0 (4: S2SL0_2 = 1) and S2T0SZ that no row of 3.3 and 3.2 forbids, with S2DS as said. */
export function legalStage2(id: WalkedMachine["id"], S2DS: boolean): { S2TG: number; S2SL0: number; S2T0SZ: number }[] {
  return STAGE_2_GEOMETRY.filter(
    (row) => id.granules.includes(row.pageBits) && id.OAS >= row.oas && (id.STT || !row.stt) && (!row.ds || (id.DS && S2DS && row.pageBits !== 16)),
  ).flatMap((row) => {
    const DS = id.DS && S2DS && row.pageBits !== 16;
    const least = Math.max(leastOf(row, DS), (id.OAS === 52 && row.pageBits === 16) || DS ? 12 : 16, 64 - id.IAS);
    const most = Math.min(row.one[1], id.STT ? (row.pageBits === 16 ? 47 : 48) : 39);
    return Array.from({ length: Math.max(0, most - least + 1) }, (_, i) => ({ S2TG: S2TG_PAGE_BITS.indexOf(row.pageBits), S2SL0: row.SL0, S2T0SZ: least + i }));
  });
}

/** smmuv3.md, 2.3, in the order of its rows: C_BAD_STE. The Config is 1xx. */
export function checkSte(m: WalkedMachine, ste: bigint): void {
  const { id } = m;
  const illegal = (row: string, condition: boolean): void => {
    if (!condition) return;
    m.reach(`C_BAD_STE: ${row}`);
    throw new Termination("C_BAD_STE");
  };
  const Config = bits(ste, 3, 1);
  const [s1, s2] = [(Config & 1) !== 0, (Config & 2) !== 0];
  illegal("2 Config = 1x1 without stage 1", s1 && !id.S1P);
  illegal("2 Config = 11x without stage 2", s2 && !id.S2P);
  const EATS = bits(ste, 93, 92);
  const S2S = bits(ste, 185) === 1;
  const ats = id.ATS && Config !== 4;
  illegal("3 EATS = 10 with Config != 111", ats && EATS === 2 && Config !== 7);
  illegal("3 EATS = 10 with S2S = 1", ats && EATS === 2 && S2S);
  illegal("3 EATS = 10 with NS1ATS = 1", ats && EATS === 2 && id.NS1ATS);
  illegal("4 EATS = 01 with S2S = 1", ats && EATS === 1 && s2 && S2S);
  const S1CDMax = bits(ste, 63, 59);
  illegal("5 STRW = x1", Config === 5 && id.HYP && (bits(ste, 95, 94) & 1) === 1);
  illegal("6 S1STALLD", s1 && bits(ste, 91) === 1 && id.STALL_MODEL !== 0);
  illegal("7 S1CDMax beyond SSIDSIZE", s1 && id.SSIDSIZE !== 0 && S1CDMax > id.SSIDSIZE);
  illegal("8 2-level CD table without CD2L", s1 && id.SSIDSIZE !== 0 && S1CDMax !== 0 && [1, 2].includes(bits(ste, 5, 4)) && !id.CD2L);
  const pointer = inPlace(ste, 55, 6);
  illegal("9 S1ContextPtr beyond OAS", s1 && !s2 && pointer >= pow2(id.OAS));
  // Choice of row 9: C_BAD_STE rather than a stage-2 F_TRANSLATION.
  illegal("9 S1ContextPtr beyond IAS", s1 && s2 && pointer >= pow2(id.IAS));
  const vmidIllegal = !id.VMID16 && bits(ste, 143, 136) !== 0;
  illegal("18 S2VMID[15:8], stage 1 only", s1 && !s2 && id.S2P && vmidIllegal);
  if (!s2) return;
  illegal("10 S2S = 1 with STALL_MODEL = 01", S2S && id.STALL_MODEL === 1);
  illegal("10 S2S = 0 with STALL_MODEL = 10", !S2S && id.STALL_MODEL === 2);
  illegal("11 S2AA64 = 0", bits(ste, 179) === 0);
  const [S2HD, S2HA] = [bits(ste, 183) === 1, bits(ste, 184) === 1];
  illegal("12 S2HA or S2HD with HTTU = 0", (S2HA || S2HD) && id.HTTU === 0);
  illegal("12 S2HD with HTTU = 1", S2HD && id.HTTU === 1);
  illegal("12 S2HAFT without S2HA", id.HTTU === 3 && bits(ste, 187) === 1 && !S2HA);
  const { pageBits, T0SZ, DS, fits, level, outputBits, base } = stage2Geometry(ste, m);
  illegal("13 S2TG", !id.granules.includes(pageBits));
  illegal("14 S2TTB beyond S2PS", base >= pow2(outputBits));
  illegal("14 S2TTB beyond 48 bits", pageBits !== 16 && !DS && base >= pow2(48));
  illegal("15 S2T0SZ above its maximum", T0SZ > (id.STT ? (pageBits === 16 ? 47 : 48) : 39));
  illegal("15 S2T0SZ below its minimum", T0SZ < Math.max((pageBits === 16 && id.OAS === 52) || DS ? 12 : 16, 64 - id.IAS));
  illegal("16 S2SL0 does not fit", !fits);
  illegal("16 start level not allowed for the OAS", level === null);
  illegal("17 S2ENDI", id.TTENDIAN === 2 && bits(ste, 180) === 1);
  illegal("18 S2VMID[15:8]", vmidIllegal);
}
