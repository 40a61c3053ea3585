/** log2 of the region one entry of `level` maps; `granule` is log2 of the page size. VMSAv8-64, page-tables.md section 1. */
export const levelShift = (granule: number, level: number): number => granule + (3 - level) * (granule - 3);

/** The level whose entries map 2^shift bytes. */
export const levelOf = (granule: number, shift: number): number => 3 - (shift - granule) / (granule - 3);

/** Start level of stage 1 for TxSZ (page-tables.md, section 2). */
export const startLevelS1 = (granule: number, inputBits: number): number => 4 - Math.ceil((inputBits - granule) / (granule - 3));

/** What names the start level of stage 2: STE.S2SL0, S2SL0_2 (with DS) and S2T0SZ, and what the SMMU has. */
export interface Stage2Start {
  sl0: number;
  sl0High: number;
  t0sz: number;
  /** DS in effect: 52-bit addresses with 4K or 16K. */
  DS: boolean;
  oas: number;
  stt: boolean;
}

/** The level that SL0 names (page-tables.md, section 3.2); null: reserved. S2SL0_2 counts with 4K and DS alone. For level -1 section 3.3 has no row: T0SZ 12 to 15, as in section 2. */
function namedLevel(granule: number, { sl0, sl0High, DS, stt }: Stage2Start): number | null {
  if (granule === 12) {
    if (DS && sl0High === 1) return sl0 === 0 ? -1 : null;
    return [2, 1, 0, stt ? 3 : null][sl0];
  }
  return [3, 2, 1, granule === 14 && DS ? 0 : null][sl0];
}

/** Start level of stage 2, or null when SL0, T0SZ and granule do not fit (page-tables.md, sections 3.2 and 3.3). */
export function startLevelS2(granule: number, start: Stage2Start): number | null {
  const { t0sz, DS, oas } = start;
  const level = namedLevel(granule, start);
  if (level === null) return null;
  const shift = levelShift(granule, level);
  const bits = 64 - t0sz - shift; // index bits of the first table, up to 4 of them by concatenation
  const full = granule - 3;
  if (bits < 1 || bits > full + 4) return null;
  // A-profile: how high the walk may start depends on the physical size (page-tables.md, section 3.2).
  if (granule === 12 && level === -1 && oas < 52) return null;
  if (granule === 12 && level === 0 && (oas < 44 || (bits > full && !DS))) return null;
  if (granule === 14 && level === 1 && oas < 42) return null;
  if (granule === 16 && level === 1 && (oas < 44 || bits > (oas === 52 ? 10 : 6))) return null;
  return level;
}

/** Blocks are legal here only (page-tables.md, section 1.1). */
export function blockAllowed(granule: number, level: number, oas: number, DS: boolean): boolean {
  if (granule === 12) return level === 1 || level === 2 || (level === 0 && DS);
  return level === 2 || (level === 1 && (granule === 14 ? DS : oas === 52));
}
