/** log2 of the region one entry of `level` maps; `granule` is log2 of the page size. VMSAv8-64, page-tables.md section 1. */
export const levelShift = (granule: number, level: number): number => granule + (3 - level) * (granule - 3);

/** The level whose entries map 2^shift bytes. */
export const levelOf = (granule: number, shift: number): number => 3 - (shift - granule) / (granule - 3);

/** Start level of stage 1 for TxSZ (page-tables.md, section 2). */
export const startLevelS1 = (granule: number, inputBits: number): number => 4 - Math.ceil((inputBits - granule) / (granule - 3));

/** Start level of stage 2, or null when SL0, T0SZ and granule do not fit (page-tables.md, sections 3.2 and 3.3). */
export function startLevelS2(granule: number, sl0: number, t0sz: number, oas: number, stt: boolean): number | null {
  const level = granule === 12 ? [2, 1, 0, stt ? 3 : null][sl0] : [3, 2, 1, null][sl0];
  if (level === null || level === undefined) return null;
  const shift = levelShift(granule, level);
  const bits = 64 - t0sz - shift; // index bits of the first table, up to 4 of them by concatenation
  const full = granule - 3;
  if (bits < 1 || bits > full + 4) return null;
  // A-profile: how high the walk may start depends on the physical size (page-tables.md, section 3.2).
  if (granule === 12 && level === 0 && (oas < 44 || bits > full)) return null;
  if (granule === 14 && level === 1 && oas < 42) return null;
  if (granule === 16 && level === 1 && (oas < 44 || bits > (oas === 52 ? 10 : 6))) return null;
  return level;
}

/** Blocks are legal here only (page-tables.md, section 1.1). */
export const blockAllowed = (granule: number, level: number, oas: number): boolean =>
  granule === 12 ? level === 1 || level === 2 : granule === 14 ? level === 2 : level === 2 || (level === 1 && oas === 52);
