import { alignDown, bits, inPlace, pow2, type Termination, type TranslationFault, type WalkedMachine } from "./machine.ts";

/** One stage's tables (page-tables.md, 1 to 3). */
export interface Stage {
  stage: 1 | 2;
  pageBits: number;
  startLevel: number;
  base: bigint;
  inputBits: number;
  outputBits: number;
  AFFD: boolean;
  HA: boolean;
  HD: boolean;
  /** CD.HADx: hierarchical attributes are ignored. */
  HAD: boolean;
  /** CD.DS or STE.S2DS where it counts: 4K and 16K with IDR5.DS = 1. */
  DS: boolean;
}

export interface Leaf {
  /** Output address of the input. */
  output: bigint;
  descriptor: bigint;
  /** Where the descriptor lies: PA, and its address before stage 2. */
  pa: bigint;
  address: bigint;
  APTable: number;
  PXNTable: boolean;
  UXNTable: boolean;
}

export const indexBits = (pageBits: number): number => pageBits - 3;
/** page-tables.md, section 2: level = 4 - ceil((64 - TxSZ - pagebits) / indexbits). */
export const startLevel = (pageBits: number, inputBits: number): number => 4 - Math.ceil((inputBits - pageBits) / indexBits(pageBits));

/** page-tables.md, 1.1. */
function blockAt(pageBits: number, level: number, oas: number, DS: boolean): boolean {
  if (level === 2) return true;
  if (level === 1) return pageBits === 12 || (pageBits === 14 && DS) || (pageBits === 16 && oas === 52);
  return level === 0 && pageBits === 12 && DS;
}

/** What a walk tells of its faults: stage 2 adds CLASS and IPA. */
export type Fail = (event: TranslationFault | "F_WALK_EABT", row: string, FetchAddr?: bigint) => Termination;

/** page-tables.md, section 4 and 5.3: the leaf for an input inside the table's range. `toPa` is stage 2 for the descriptors of stage 1, or identity. */
export function walk({ id, memory, reach }: WalkedMachine, t: Stage, input: bigint, toPa: (address: bigint) => bigint, fail: Fail): Leaf {
  const shiftOf = (level: number) => t.pageBits + (3 - level) * indexBits(t.pageBits);
  const firstSize = pow2(t.inputBits - shiftOf(t.startLevel)) * 8n;
  const leastAlignment = t.outputBits === 52 ? 64n : 16n;
  let table = alignDown(t.base, firstSize > leastAlignment ? firstSize : leastAlignment);
  const above = { APTable: 0, PXNTable: false, UXNTable: false };
  for (let level = t.startLevel; ; level++) {
    const shift = shiftOf(level);
    const index = level === t.startLevel ? input >> BigInt(shift) : (input >> BigInt(shift)) % pow2(indexBits(t.pageBits));
    const address = table + index * 8n;
    const pa = toPa(address);
    const descriptor = memory.load(pa, 1, { of: "descriptor", stage: t.stage, level, pageBits: t.pageBits, outputBits: t.outputBits });
    if (descriptor === null) throw fail("F_WALK_EABT", "descriptor fetch", pa);
    const type = bits(descriptor, 1, 0);
    const isTable = type === 3 && level < 3;
    if (type === 0 || type === 2) throw fail("F_TRANSLATION", "invalid descriptor");
    if (type === 1 && level === 3) throw fail("F_TRANSLATION", "reserved descriptor type, level 3");
    if (type === 1 && !blockAt(t.pageBits, level, id.OAS, t.DS)) throw fail("F_TRANSLATION", `block at level ${level}`);
    const lowest = isTable ? t.pageBits : shift;
    // 64K with a 52-bit OAS: bits 15:12 are address[51:48]; otherwise they are ignored (the alternative is F_ADDR_SIZE, 5.3).
    // With DS address[49:48] are in place and address[51:50] in bits 9:8 (4.1).
    const in64K = t.pageBits === 16 && id.OAS === 52 ? BigInt(bits(descriptor, 15, 12)) << 48n : 0n;
    const high = t.DS ? inPlace(descriptor, 49, 48) + (BigInt(bits(descriptor, 9, 8)) << 50n) : in64K;
    const output = inPlace(descriptor, 47, lowest) + high;
    if (output >= pow2(t.outputBits)) throw fail("F_ADDR_SIZE", isTable ? "next table" : "leaf");
    if (isTable && level === -1) reach(`stage ${t.stage}: level -1`);
    if (!isTable && t.DS && high !== 0n) reach(`stage ${t.stage}: 52-bit output with DS`);
    if (!isTable && t.DS && level < (t.pageBits === 12 ? 1 : 2)) reach(`stage ${t.stage}: block that only DS has, ${t.pageBits === 12 ? "4K" : "16K"}`);
    if (!isTable) return { output: output + (input % pow2(shift)), descriptor, pa, address, ...above };
    if (t.stage === 1 && !t.HAD) {
      above.APTable |= bits(descriptor, 62, 61);
      above.PXNTable ||= bits(descriptor, 59) === 1;
      above.UXNTable ||= bits(descriptor, 60) === 1;
    }
    table = output;
  }
}

/** DBM = 1, read-only so far, HD in effect: a write makes it dirty instead of faulting (page-tables.md, section 6). */
export const writableClean = ({ stage, HD }: Stage, descriptor: bigint): boolean =>
  HD && bits(descriptor, 51) === 1 && (stage === 1 ? bits(descriptor, 7) === 1 : bits(descriptor, 7) === 0);

export const accessFlagFaults = ({ AFFD, HA }: Stage, descriptor: bigint): boolean => bits(descriptor, 10) === 0 && !HA && !AFFD;

/** The descriptor after the hardware has marked an access in it. */
export function marked(t: Stage, descriptor: bigint, dirty: boolean): bigint {
  let value = t.HA ? descriptor | pow2(10) : descriptor;
  if (dirty && writableClean(t, descriptor)) value = t.stage === 1 ? value & ~pow2(7) : value | pow2(7);
  return value;
}

export interface Kind {
  write: boolean;
  priv: boolean;
  exec: boolean;
}

/** page-tables.md, 5.1: whether stage 1 permits the access. */
export function stage1Permits({ id, reach }: WalkedMachine, cd: bigint, t: Stage, leaf: Leaf, { write, priv, exec }: Kind, el2: boolean): boolean {
  const userAccess = bits(leaf.descriptor, 6) === 1 && (leaf.APTable & 1) === 0;
  const writeAccess = (bits(leaf.descriptor, 7) === 0 || writableClean(t, leaf.descriptor)) && (leaf.APTable & 2) === 0;
  const WXN = bits(cd, 36) === 1;
  const UXN = bits(leaf.descriptor, 54) === 1 || leaf.UXNTable;
  const PXN = bits(leaf.descriptor, 53) === 1 || leaf.PXNTable;
  // One privilege: AP[2] alone, XN and XNTable in the places of UXN and UXNTable.
  if (el2) return exec ? !UXN && !(WXN && writeAccess) : !write || writeAccess;
  const userWritable = userAccess && writeAccess;
  const userExecutes = !UXN && !(WXN && userWritable);
  if (exec) return priv ? !PXN && !userWritable && !(WXN && writeAccess) : userExecutes;
  if (!priv) return userAccess && (!write || writeAccess);
  const PAN = bits(cd, 40) === 1 && (userAccess || (id.EPAN && bits(cd, 123) === 1 && userExecutes));
  if (PAN && !userAccess) reach("PAN: EPAN refuses");
  return !PAN && (!write || writeAccess);
}

/** page-tables.md, 4.3 and 5.2. Reads of descriptors are data reads. */
export function stage2Permits({ id }: WalkedMachine, t: Stage, descriptor: bigint, { write, priv, exec }: Kind): boolean {
  if (write) return bits(descriptor, 7) === 1 || writableClean(t, descriptor);
  if (!exec) return bits(descriptor, 6) === 1;
  const XN = bits(descriptor, 54, 53);
  if (!id.XNX) return (XN & 2) === 0;
  return XN === 0 || XN === (priv ? 3 : 1);
}
