import { CMD_TLBI_NH_VA, OPCODE } from "@faultline/shared/arm-smmu-v3/command.ts";
import type { Identity } from "../identity.ts";
import { type RangeMatch, type Tlb, tlbInput } from "../tlb/tlb.ts";

const read = {
  NUM: CMD_TLBI_NH_VA.reader("NUM"),
  SCALE: CMD_TLBI_NH_VA.reader("SCALE"),
  VMID: CMD_TLBI_NH_VA.reader("VMID"),
  ASID: CMD_TLBI_NH_VA.reader("ASID"),
  Leaf: CMD_TLBI_NH_VA.reader("Leaf"),
  TTL: CMD_TLBI_NH_VA.reader("TTL"),
  TG: CMD_TLBI_NH_VA.reader("TG"),
  Addr: CMD_TLBI_NH_VA.reader("Addr"),
};
/** One half of the VA space, and more than any IPA. */
const SPAN = 2 ** 48;

/** Bits [63:56] are not looked at (TBI applied to the operand); an address whose [55:48] are not all equal is out of range and meets no entry (4.4.1). */
function tlbAddress(operand: number): number {
  const top = Math.floor(operand / SPAN) % 256;
  return top === 0 || top === 0xff ? tlbInput(operand % SPAN, top === 0xff) : 2 ** 52;
}

/**
 * The entries a range operand names (4.4.1; spec/smmuv3.md, 4.3), or null when the combination is ILLEGAL. TG = 0: one address, every granule and level. TG != 0: (NUM+1) << SCALE
 * granules, only entries of that granule; TTL: only that level must go, and only that level goes (a stale entry is kept until it is named).
 */
function rangeMatch(words: Uint32Array, identity: Identity, isVa: boolean): RangeMatch | null {
  const tg = identity.ril ? read.TG(words, 0) : 0;
  const operand = read.Addr(words, 0) * 4096;
  const address = isVa ? tlbAddress(operand) : operand % 2 ** 52;
  if (tg === 0) return (entry, input) => Math.floor(address / 2 ** entry.shift) * 2 ** entry.shift === input;
  const granule = tg * 2 + 10;
  const num = read.NUM(words, 0);
  const scale = Math.min(read.SCALE(words, 0), 39);
  const ttl = granule === 14 && read.TTL(words, 0) === 1 ? 0 : read.TTL(words, 0); // 16 KiB has no level-1 blocks without DS
  if (num === 0 && scale === 0 && ttl === 0) return null;
  const start = address - (address % 2 ** granule);
  // The range does not wrap at the top of its half of the address space.
  const end = Math.min(start + (num + 1) * 2 ** scale * 2 ** granule, isVa ? Math.floor(start / SPAN + 1) * SPAN : 2 ** 52);
  const leaf = read.Leaf(words, 0) === 1;
  return (entry, input) =>
    entry.granule === granule && (ttl === 0 || entry.level === ttl || (!leaf && entry.level < ttl)) && input < end && input + 2 ** entry.shift > start;
}

/** Executes one CMD_TLBI_*. False: CERROR_ILL. Completion is CMD_SYNC's matter; here entries go at once. */
export function executeTlbi(opcode: number, words: Uint32Array, tlb: Tlb, identity: Identity, vmw: number): boolean {
  const vmid = identity.s2p ? read.VMID(words, 0) & (identity.vmid16 ? 0xffff : 0xff) : 0;
  const asid = read.ASID(words, 0) & (identity.asid16 ? 0xffff : 0xff);
  const mask = identity.s2p ? (0xffff << (vmw <= 4 ? vmw : 0)) & 0xffff : 0;
  const { s1p, s2p } = identity;
  switch (opcode) {
    case OPCODE.CMD_TLBI_NH_ALL:
      if (!s1p) return false;
      tlb.invalidateStage1(vmid, mask);
      return true;
    case OPCODE.CMD_TLBI_NH_ASID:
      if (!s1p) return false;
      tlb.invalidateAsid(vmid, mask, asid);
      return true;
    case OPCODE.CMD_TLBI_NH_VA:
    case OPCODE.CMD_TLBI_NH_VAA: {
      const match = rangeMatch(words, identity, true);
      if (!s1p || !match) return false;
      tlb.invalidateVa(vmid, mask, opcode === OPCODE.CMD_TLBI_NH_VA ? asid : null, match);
      return true;
    }
    case OPCODE.CMD_TLBI_S12_VMALL:
      if (!s2p) return false;
      tlb.invalidateVmid(vmid, mask);
      return true;
    case OPCODE.CMD_TLBI_S2_IPA: {
      const match = rangeMatch(words, identity, false);
      if (!s2p || !match) return false;
      tlb.invalidateIpa(vmid, mask, match);
      return true;
    }
    case OPCODE.CMD_TLBI_NSNH_ALL:
      tlb.invalidateAll();
      return true;
    default:
      return false; // EL2 (HYP = 0), EL3 and Secure forms, DPTI
  }
}
