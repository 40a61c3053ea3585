import type { TraceIds } from "@faultline/shared/trace/tracer.ts";

/**
 * Address spaces that entries are tagged with: VMID, and inside it an ASID, or one of three that are no ASID. Global entries live apart per ASET; a stage-2
 * entry has the VMID alone. StreamID and SubstreamID are no tags (16.2).
 */
const GLOBAL = 0x10000;
const GLOBAL_PRIVATE = 0x10001;
const STAGE_2 = 0x10002;
export const PER_VMID = 0x20000;
export const asidSpace = (vmid: number, asid: number): number => vmid * PER_VMID + asid;
export const globalSpace = (vmid: number, aset: number): number => vmid * PER_VMID + (aset ? GLOBAL_PRIVATE : GLOBAL);
export const stage2Space = (vmid: number): number => vmid * PER_VMID + STAGE_2;
/** In the place of a VMID: the EL2 worlds, which have none. */
export const EL2 = 0x10000;
export const vmidOf = (space: number): number => Math.floor(space / PER_VMID);

/** Stage-1 and combined entries are keyed by VA[51:0] and which table, as bit 52; VA[55:52] all equal the table bit, so nothing is lost. */
export const TABLE_SPAN = 2 ** 52;
export const tlbInput = (va52: number, upper: boolean): number => va52 + (upper ? TABLE_SPAN : 0);
/** The VA or IPA that a region begins with, for people: the VA of the upper table as software writes it. */
export const inputText = (input: number): string => `0x${(input < TABLE_SPAN ? BigInt(input) : 2n ** 64n - 2n ** 53n + BigInt(input)).toString(16)}`;
/** Bit 52, in the upper half of an input. */
export const TABLE_BIT = 0x10_0000;

/** Says of a space whether a command reaches it; `mask`: VMID bits that are compared (CR0.VMW). */
export type Scope = (space: number) => boolean;
const ofVmid = (space: number, vmid: number, mask: number): boolean => vmidOf(space) !== EL2 && ((vmidOf(space) ^ vmid) & mask) === 0;
const isGlobal = (kind: number): boolean => kind === GLOBAL || kind === GLOBAL_PRIVATE;
/** What each CMD_TLBI_* reaches (4.4; spec/smmuv3.md, 4.4): nothing more, so that a missing invalidation shows. */
export const scope = {
  /** TLBI_NSNH_ALL: all of NS-EL1. */
  nsnh: (): Scope => (space) => vmidOf(space) !== EL2,
  /** TLBI_EL2_ALL. */
  el2: (): Scope => (space) => vmidOf(space) === EL2,
  /** TLBI_EL2_ASID: non-global entries. */
  el2Asid:
    (asid: number): Scope =>
    (space) =>
      space === asidSpace(EL2, asid),
  /** TLBI_EL2_VA, and EL2_VAA (`asid` null): ASID or global. */
  el2Va:
    (asid: number | null): Scope =>
    (space) =>
      vmidOf(space) === EL2 && (asid === null || space % PER_VMID === asid || isGlobal(space % PER_VMID)),
  /** TLBI_S12_VMALL. */
  vmid:
    (vmid: number, mask: number): Scope =>
    (space) =>
      ofVmid(space, vmid, mask),
  /** TLBI_NH_ALL: stage 1 and combined, global entries too; pure stage-2 entries stay. */
  stage1:
    (vmid: number, mask: number): Scope =>
    (space) =>
      ofVmid(space, vmid, mask) && space % PER_VMID !== STAGE_2,
  /** TLBI_NH_ASID: non-global entries. */
  asid:
    (vmid: number, mask: number, asid: number): Scope =>
    (space) =>
      ofVmid(space, vmid, mask) && space % PER_VMID === asid,
  /** TLBI_NH_VA, and NH_VAA (`asid` null): ASID or global. */
  va:
    (vmid: number, mask: number, asid: number | null): Scope =>
    (space) => {
      const kind = space % PER_VMID;
      return ofVmid(space, vmid, mask) && kind !== STAGE_2 && (asid === null || kind === asid || isGlobal(kind));
    },
  /** TLBI_S2_IPA: stage-2-only entries; combined ones need not go (16.2) and do not. */
  ipa:
    (vmid: number, mask: number): Scope =>
    (space) =>
      ofVmid(space, vmid, mask) && space % PER_VMID === STAGE_2,
};

/** Tags of an entry under their trace names: a stage-2 entry has an IPA, a global one no ASID. */
export function idsOf(space: number, input: number): TraceIds {
  const kind = space % PER_VMID;
  const vmid = vmidOf(space) === EL2 ? undefined : vmidOf(space);
  const address = inputText(input);
  if (kind === STAGE_2) return { vmid, ipa: address };
  return { vmid, asid: kind < GLOBAL ? kind : undefined, iova: address };
}
