/** 64-bit descriptors of the 4 KiB granule as two 32-bit halves: `low` is [31:0], `high` is [63:32]. D8.3. */

/** Address bits that one level resolves, from its lowest: level 3 pages are 4 KiB, level 2 blocks 2 MiB, level 1 blocks 1 GiB. */
export const levelShift = (level: number): number => 12 + 9 * (3 - level);
const SIZES = [0, 1, 2, 3].map((level) => 2 ** levelShift(level));
export const levelSize = (level: number): number => SIZES[level];
/** Index into the table of `level`: 9 bits, and fewer at the start level of an address that is in range. */
export const tableIndex = (address: number, level: number): number => (address / SIZES[level]) & 0x1ff;
/** Offset into a leaf of `level`. */
export const leafOffset = (address: number, level: number): number => (level === 3 ? address & 0xfff : address % SIZES[level]);

/** [1:0]: 0b11 is a table below level 3 and a page at level 3; 0b01 is a block at levels 1 and 2. */
export type DescriptorKind = "invalid" | "table" | "block" | "page";
export function descriptorKind(low: number, level: number): DescriptorKind {
  if ((low & 1) === 0) return "invalid";
  if ((low & 2) !== 0) return level === 3 ? "page" : "table";
  return level === 1 || level === 2 ? "block" : "invalid"; // 0b01 at level 3 is reserved; at level 0 only with DS
}

/** Address of the next table, or of the leaf of `level`: bits [47:12], those below the leaf's size dropped. */
export function descriptorAddress(low: number, high: number, level = 3): number {
  const address = (high & 0xffff) * 2 ** 32 + ((low & 0xfffff000) >>> 0);
  return level === 3 ? address : address - (address % SIZES[level]);
}
export const addressHigh = (address: number): number => Math.floor(address / 2 ** 32) >>> 0;
export const addressLow = (address: number): number => address % 2 ** 32;

/** Bits of `low` and `high` of leaf descriptors. */
export const LEAF = {
  valid: 1,
  page: 2,
  AF: 1 << 10,
  SH_INNER: 3 << 8,
  SH_OUTER: 2 << 8,
  /** Stage 1: AttrIndx[2:0] at 4, AP[1] unprivileged, AP[2] read-only, nG. */
  attrIndexShift: 2,
  AP_UNPRIV: 1 << 6,
  AP_RDONLY: 1 << 7,
  nG: 1 << 11,
  /** Stage 2: MemAttr at 2, S2AP read, S2AP write. */
  memAttrShift: 2,
  S2AP_READ: 1 << 6,
  S2AP_WRITE: 1 << 7,
  /** In `high`: PXN and UXN, or XN[1:0] at stage 2. */
  XN: (1 << 21) | (1 << 22),
  DBM: 1 << 19,
} as const;
