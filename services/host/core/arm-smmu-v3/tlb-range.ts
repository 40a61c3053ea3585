import type { RangeOperand } from "./command-encoding.ts";

const TG_LOG2 = 12; // 4 KiB: the smallest page size of every domain of this host

/** TTL hint of leaf invalidations: 3 for pages, 2 and 1 for blocks. */
const ttlOf = (granule: number): number => 4 - Math.floor((Math.log2(granule) - 3) / (TG_LOG2 - 3));

/** Splits [iova, iova + size) into range commands (IDR3.RIL). host-driver.md, section 10.1; arm_smmu_cmdq_batch_add_range. */
export function splitRange(iova: number, size: number, granule: number, leaf: boolean): { address: number; range: RangeOperand }[] {
  const parts: { address: number; range: RangeOperand }[] = [];
  let pages = Math.ceil(size / 2 ** TG_LOG2);
  if (!leaf && pages % 32 === 1) pages++; // NUM = SCALE = TTL = 0 is reserved
  const TTL = leaf ? ttlOf(granule) : 0;
  let address = iova;
  while (pages > 0) {
    let SCALE = 0;
    while (Math.floor(pages / 2 ** SCALE) % 2 === 0) SCALE++;
    const num = Math.floor(pages / 2 ** SCALE) % 32;
    parts.push({ address, range: { NUM: num - 1, SCALE, TTL, TG: (TG_LOG2 - 10) / 2 } });
    address += num * 2 ** (SCALE + TG_LOG2);
    pages -= num * 2 ** SCALE;
  }
  return parts;
}

/** Without range invalidation: one command per granule. */
export function splitPages(iova: number, size: number, granule: number): { address: number; range: RangeOperand }[] {
  const parts: { address: number; range: RangeOperand }[] = [];
  for (let address = iova; address < iova + size; address += granule) parts.push({ address, range: { NUM: 0, SCALE: 0, TTL: 0, TG: 0 } });
  return parts;
}
