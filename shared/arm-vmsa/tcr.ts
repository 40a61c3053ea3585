/** First level of a walk with the 4 KiB granule: 4 - ceil((inputBits - 12) / 9). D8.2.7. */
export const startLevel = (inputBits: number): number => 4 - Math.ceil((inputBits - 12) / 9);

/** Encoding of an output size in TCR.IPS, VTCR.PS, CD.IPS and STE.S2PS. */
export function physicalSizeEncoding(bits: number): number {
  const encoding = [32, 36, 40, 42, 44, 48, 52].indexOf(bits);
  if (encoding < 0) throw new RangeError(`no encoding for ${bits} physical address bits`);
  return encoding;
}

/** MAIR of Linux' stage-1 tables: index 0 Non-cacheable, 1 Write-Back, 2 Device-nGnRE, 3 inner NC, outer WB. */
export const MAIR_LINUX = 0xf404ff44n;
export const ATTR_INDEX = { NC: 0, CACHE: 1, DEV: 2 } as const;
