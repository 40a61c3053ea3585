import { CMD_TLBI_NH_VA, OPCODE } from "@faultline/shared/arm-smmu-v3/command.ts";
import type { Identity } from "../identity.ts";
import { type Scope, scope, TABLE_SPAN, tlbInput } from "../tlb/address-space.ts";
import type { Match } from "../tlb/tagged-cache.ts";
import type { Tlb, TlbEntry } from "../tlb/tlb.ts";
import type { WalkCache, WalkCacheEntry } from "../tlb/walk-cache.ts";

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
/** More than any IPA, as TABLE_SPAN is more than any VA of one table. */
const IPA_SPAN = 2 ** 52;
/** An operand that is out of range meets no entry: no input is so high. */
const NOWHERE = 2 ** 54;

/** Bits [63:56] are not looked at (TBI applied to the operand); an address whose [55:52] are not all equal is out of range (4.4.1; both are permitted choices). */
function virtualAddress(operand: number): number {
  const top = Math.floor(operand / TABLE_SPAN) % 16;
  return top === 0 || top === 0xf ? tlbInput(operand % TABLE_SPAN, top === 0xf) : NOWHERE;
}
/** The operand has IPA[55:12]; an IPA that no machine has is out of range (4.4.1). */
function intermediateAddress(operand: number): number {
  const ipa = operand % 2 ** 56;
  return ipa < IPA_SPAN ? ipa : NOWHERE;
}

/** What an operand names: leaf entries, and with Leaf = 0 the table descriptors that lead to them. */
interface Named {
  leaves: Match<TlbEntry>;
  tables: Match<WalkCacheEntry> | null;
}

/**
 * The entries an address operand names (4.4.1; spec/smmuv3.md, 4.3), or null when the combination is ILLEGAL. TG = 0: one address, every granule and level. TG != 0: (NUM+1) << SCALE
 * granules, only entries of that granule; TTL: only leaves of that level must go, and only they go (a stale entry is kept until it is named).
 */
function namedEntries(words: Uint32Array, identity: Identity, isVa: boolean): Named | null {
  const tg = identity.ril ? read.TG(words, 0) : 0;
  const operand = read.Addr(words, 0) * 4096;
  const address = isVa ? virtualAddress(operand) : intermediateAddress(operand);
  const withTables = read.Leaf(words, 0) === 0;
  if (tg === 0) {
    const holds = (shift: number, input: number) => Math.floor(address / 2 ** shift) === Math.floor(input / 2 ** shift);
    return { leaves: (entry, input) => holds(entry.blockShift, input), tables: withTables ? (entry, input) => holds(entry.shift, input) : null };
  }
  const granule = tg * 2 + 10;
  const num = read.NUM(words, 0);
  const scale = Math.min(read.SCALE(words, 0) & (identity.ds ? 63 : 31), 39);
  const ttl = granule === 14 && !identity.ds && read.TTL(words, 0) === 1 ? 0 : read.TTL(words, 0); // 16 KiB has no level-1 blocks without DS
  if (num === 0 && scale === 0 && ttl === 0) return null;
  const start = address - (address % 2 ** granule);
  // The range does not wrap at the top of its half of the address space.
  const end = Math.min(start + (num + 1) * 2 ** scale * 2 ** granule, isVa ? Math.floor(start / TABLE_SPAN + 1) * TABLE_SPAN : IPA_SPAN);
  const overlaps = (shift: number, input: number) => {
    const first = input - (input % 2 ** shift);
    return first < end && first + 2 ** shift > start;
  };
  return {
    leaves: (entry, input) => entry.granule === granule && (ttl === 0 || entry.level === ttl) && overlaps(entry.blockShift, input),
    // TTL is the level of the leaf: the tables are above it.
    tables: withTables ? (entry, input) => entry.granule === granule && (ttl === 0 || entry.level < ttl) && overlaps(entry.shift, input) : null,
  };
}

/** What of CR0 and CR2 decides how commands match. */
export interface TlbiControls {
  /** CR0.VMW. */
  vmw: number;
  /** CR2.E2H: entries of EL2 have ASIDs. */
  e2h: boolean;
}

/** Executes one CMD_TLBI_*. False: CERROR_ILL. Completion is CMD_SYNC's matter; here entries go at once. */
export function executeTlbi(opcode: number, words: Uint32Array, caches: { tlb: Tlb; walks: WalkCache }, identity: Identity, { vmw, e2h }: TlbiControls): boolean {
  const vmid = identity.s2p ? read.VMID(words, 0) & (identity.vmid16 ? 0xffff : 0xff) : 0;
  const asid = read.ASID(words, 0) & (identity.asid16 ? 0xffff : 0xff);
  const mask = identity.s2p ? (0xffff << (vmw <= 4 ? vmw : 0)) & 0xffff : 0;
  const { s1p, s2p, hyp } = identity;
  const all = (reached: Scope): true => {
    caches.tlb.invalidate(reached);
    caches.walks.invalidate(reached);
    return true;
  };
  const some = (reached: Scope, named: Named): true => {
    caches.tlb.invalidate(reached, named.leaves);
    if (named.tables) caches.walks.invalidate(reached, named.tables);
    return true;
  };
  switch (opcode) {
    case OPCODE.CMD_TLBI_NH_ALL:
      return s1p && all(scope.stage1(vmid, mask));
    case OPCODE.CMD_TLBI_NH_ASID:
      return s1p && all(scope.asid(vmid, mask, asid));
    case OPCODE.CMD_TLBI_NH_VA:
    case OPCODE.CMD_TLBI_NH_VAA: {
      const named = namedEntries(words, identity, true);
      return s1p && named !== null && some(scope.va(vmid, mask, opcode === OPCODE.CMD_TLBI_NH_VA ? asid : null), named);
    }
    case OPCODE.CMD_TLBI_S12_VMALL:
      return s2p && all(scope.vmid(vmid, mask));
    case OPCODE.CMD_TLBI_S2_IPA: {
      const named = namedEntries(words, identity, false);
      return s2p && named !== null && some(scope.ipa(vmid, mask), named);
    }
    case OPCODE.CMD_TLBI_NSNH_ALL:
      return all(scope.nsnh());
    case OPCODE.CMD_TLBI_EL2_ALL:
      return hyp && all(scope.el2());
    case OPCODE.CMD_TLBI_EL2_ASID:
      return hyp && (!e2h || all(scope.el2Asid(asid))); // without E2H no entry has an ASID
    case OPCODE.CMD_TLBI_EL2_VA:
    case OPCODE.CMD_TLBI_EL2_VAA: {
      const named = namedEntries(words, identity, true);
      return hyp && named !== null && some(scope.el2Va(opcode === OPCODE.CMD_TLBI_EL2_VA && e2h ? asid : null), named);
    }
    default:
      return false; // EL3 and Secure forms, DPTI
  }
}
