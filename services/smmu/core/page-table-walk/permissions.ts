/** Permission bits of a translation. */
export const PERM = { UR: 1, UW: 2, UX: 4, PR: 8, PW: 16, PX: 32 } as const;
const ALL = 63;

/** Hierarchical bits of stage-1 table descriptors, in the upper half (page-tables.md, section 4.2). */
const TABLE = { APTable0: 0x2000_0000, APTable1: 0x4000_0000, PXNTable: 0x0800_0000, UXNTable: 0x1000_0000 } as const;
/** What of the upper half of a table descriptor holds for all below it. */
export const TABLE_ATTRIBUTES = TABLE.APTable0 | TABLE.APTable1 | TABLE.PXNTable | TABLE.UXNTable;

/** What of a CD decides beside the descriptors. */
export interface Stage1Policy {
  WXN: boolean;
  PAN: boolean;
  EPAN: boolean;
  /** The EL2 world: one privilege. */
  EL2: boolean;
}

/** One privilege (page-tables.md, section 5.1): AP[1] is treated as 1, PnU does not count; XN is bit 54, XNTable bit 60. */
function el2Permissions(low: number, high: number, attributes: number, { WXN }: Stage1Policy, writableClean: boolean): number {
  const write = ((low & 0x80) === 0 || writableClean) && (attributes & TABLE.APTable1) === 0;
  const exec = (high & 0x0040_0000) === 0 && (attributes & TABLE.UXNTable) === 0 && !(WXN && write);
  return PERM.UR | PERM.PR | (write ? PERM.UW | PERM.PW : 0) | (exec ? PERM.UX | PERM.PX : 0);
}

/**
 * Stage-1 permissions of a leaf for the two privileges (page-tables.md, section 5.1). `high` is the upper half of the descriptor, `low` the lower;
 * `attributes`: TABLE_ATTRIBUTES of the tables above it, ORed.
 * `writableClean`: the page is DBM and writable once the hardware has marked it dirty (HD in effect); it counts as writable for WXN.
 */
export function stage1Permissions(low: number, high: number, attributes: number, cd: Stage1Policy, writableClean: boolean): number {
  if (cd.EL2) return el2Permissions(low, high, attributes, cd, writableClean);
  const user = (low & 0x40) !== 0 && (attributes & TABLE.APTable0) === 0;
  const write = ((low & 0x80) === 0 || writableClean) && (attributes & TABLE.APTable1) === 0;
  const uw = user && write;
  let perm = PERM.PR | (write ? PERM.PW : 0) | (user ? PERM.UR : 0) | (uw ? PERM.UW : 0);
  if ((high & 0x0040_0000) === 0 && (attributes & TABLE.UXNTable) === 0 && !(cd.WXN && uw)) perm |= PERM.UX;
  // Unprivileged-writable is never privileged-executable.
  if ((high & 0x0020_0000) === 0 && (attributes & TABLE.PXNTable) === 0 && !uw && !(cd.WXN && write)) perm |= PERM.PX;
  // PAN: privileged data access to a page that unprivileged code may access; with EPAN, or may execute.
  if (cd.PAN && (user || (cd.EPAN && (perm & PERM.UX) !== 0))) perm &= ~(PERM.PR | PERM.PW);
  return perm;
}

/** Stage-2 permissions: S2AP does not distinguish privilege; XN does with XNX (page-tables.md, section 4.3). */
export function stage2Permissions(low: number, high: number, xnx: boolean, writableClean: boolean): number {
  let perm = 0;
  if (low & 0x40) perm |= PERM.UR | PERM.PR;
  if (low & 0x80 || writableClean) perm |= PERM.UW | PERM.PW;
  const xn = xnx ? (high >>> 21) & 3 : ((high >>> 22) & 1) * 2;
  if (xn === 0 || xn === 1) perm |= PERM.UX;
  if (xn === 0 || xn === 3) perm |= PERM.PX;
  return perm;
}

/** The bits an access needs: instruction fetches need execute alone, data accesses read or write. */
export const needed = (write: boolean, priv: boolean, exec: boolean): number => (exec && !write ? PERM.UX : write ? PERM.UW : PERM.UR) << (priv ? 3 : 0);

export const allPermissions = ALL;
