import {
  CMD_ATC_INV,
  CMD_CFGI_CD,
  CMD_CFGI_CD_ALL,
  CMD_CFGI_STE,
  CMD_CFGI_STE_RANGE,
  CMD_PRI_RESP,
  CMD_RESUME,
  CMD_SYNC,
  CMD_TLBI_NH_ALL,
  CMD_TLBI_NH_ASID,
  CMD_TLBI_NH_VA,
  CMD_TLBI_NSNH_ALL,
  CMD_TLBI_S2_IPA,
  CMD_TLBI_S12_VMALL,
  OPCODE,
  SYNC_CS,
} from "@faultline/shared/arm-smmu-v3/command.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { TraceFields } from "@faultline/shared/trace/tracer.ts";

/** One command: its 16 bytes, and what the trace says about it. */
export interface Command {
  bytes: Uint8Array<ArrayBuffer>;
  name: string;
  fields: TraceFields;
}
const command = (name: string, bytes: Uint8Array<ArrayBuffer>, fields: TraceFields = {}): Command => ({ name, bytes, fields });
const page = (address: number): bigint => BigInt(Math.floor(address / 4096));

export const cfgiSte = (sid: number, leaf: boolean): Command =>
  command("CMD_CFGI_STE", CMD_CFGI_STE.encode({ Opcode: OPCODE.CMD_CFGI_STE, StreamID: sid, Leaf: leaf ? 1 : 0 }), { sid: hex(sid), leaf });
/** CMD_CFGI_STE_RANGE with Range = 31. */
export const cfgiAll = (): Command => command("CMD_CFGI_ALL", CMD_CFGI_STE_RANGE.encode({ Opcode: OPCODE.CMD_CFGI_STE_RANGE, Range: 31 }));
export const cfgiCd = (sid: number, ssid: number, leaf: boolean): Command =>
  command("CMD_CFGI_CD", CMD_CFGI_CD.encode({ Opcode: OPCODE.CMD_CFGI_CD, SubstreamID: ssid, StreamID: sid, Leaf: leaf ? 1 : 0 }), { sid: hex(sid), ssid, leaf });
export const cfgiCdAll = (sid: number): Command =>
  command("CMD_CFGI_CD_ALL", CMD_CFGI_CD_ALL.encode({ Opcode: OPCODE.CMD_CFGI_CD_ALL, StreamID: sid }), { sid: hex(sid) });
export const tlbiNsnhAll = (): Command => command("CMD_TLBI_NSNH_ALL", CMD_TLBI_NSNH_ALL.encode({ Opcode: OPCODE.CMD_TLBI_NSNH_ALL }));
export const tlbiEl2All = (): Command => command("CMD_TLBI_EL2_ALL", CMD_TLBI_NSNH_ALL.encode({ Opcode: OPCODE.CMD_TLBI_EL2_ALL }));
export const tlbiNhAll = (vmid: number): Command => command("CMD_TLBI_NH_ALL", CMD_TLBI_NH_ALL.encode({ Opcode: OPCODE.CMD_TLBI_NH_ALL, VMID: vmid }), { vmid });
export const tlbiNhAsid = (vmid: number, asid: number): Command =>
  command("CMD_TLBI_NH_ASID", CMD_TLBI_NH_ASID.encode({ Opcode: OPCODE.CMD_TLBI_NH_ASID, VMID: vmid, ASID: asid }), { vmid, asid });
export const tlbiS12Vmall = (vmid: number): Command =>
  command("CMD_TLBI_S12_VMALL", CMD_TLBI_S12_VMALL.encode({ Opcode: OPCODE.CMD_TLBI_S12_VMALL, VMID: vmid }), { vmid });

/** Operands of a range; all zero for a single page without range invalidation. */
export interface RangeOperand {
  NUM: number;
  SCALE: number;
  TTL: number;
  TG: number;
}
export const tlbiNhVa = (vmid: number, asid: number, address: number, leaf: boolean, range: RangeOperand): Command =>
  command("CMD_TLBI_NH_VA", CMD_TLBI_NH_VA.encode({ Opcode: OPCODE.CMD_TLBI_NH_VA, ...range, VMID: vmid, ASID: asid, Leaf: leaf ? 1 : 0, Addr: page(address) }), {
    vmid,
    asid,
    iova: hex(address),
    leaf,
    ...range,
  });
export const tlbiS2Ipa = (vmid: number, address: number, leaf: boolean, range: RangeOperand): Command =>
  command("CMD_TLBI_S2_IPA", CMD_TLBI_S2_IPA.encode({ Opcode: OPCODE.CMD_TLBI_S2_IPA, ...range, VMID: vmid, Leaf: leaf ? 1 : 0, Addr: page(address) }), {
    vmid,
    ipa: hex(address),
    leaf,
    ...range,
  });

/**
 * CMD_ATC_INV of the smallest naturally aligned power-of-two span that covers [iova, iova + size); size 0: everything (arm_smmu_atc_inv_to_cmd).
 * Without a PASID it empties the range for all PASIDs of the function as well.
 */
export function atcInv(sid: number, ssid: number | null, iova: number, size: number): Command {
  let Size = 52;
  let first = 0;
  if (size > 0) {
    let from = Math.floor(iova / 4096);
    let to = Math.floor((iova + size - 1) / 4096);
    for (Size = 0; from !== to; Size++) {
      from = Math.floor(from / 2);
      to = Math.floor(to / 2);
    }
    first = from * 2 ** Size;
  }
  const bytes = CMD_ATC_INV.encode({ Opcode: OPCODE.CMD_ATC_INV, SSV: ssid === null ? 0 : 1, SubstreamID: ssid ?? 0, StreamID: sid, Size, Addr: BigInt(first) });
  return command("CMD_ATC_INV", bytes, { sid: hex(sid), ssid, size: Size, iova: hex(first * 4096) });
}

export const priResp = (sid: number, ssid: number | null, grpid: number, resp: number): Command =>
  command(
    "CMD_PRI_RESP",
    CMD_PRI_RESP.encode({ Opcode: OPCODE.CMD_PRI_RESP, SSV: ssid === null ? 0 : 1, SubstreamID: ssid ?? 0, StreamID: sid, PRGIndex: grpid, Resp: resp }),
    { sid: hex(sid), ssid, grpid, resp },
  );
/** Retry (Ac = 1) or abort (Ac = 0, Ab = 1) of a stalled transaction. */
export const resume = (sid: number, stag: number, retry: boolean): Command =>
  command("CMD_RESUME", CMD_RESUME.encode({ Opcode: OPCODE.CMD_RESUME, Ac: retry ? 1 : 0, Ab: retry ? 0 : 1, StreamID: sid, STAG: stag }), {
    sid: hex(sid),
    stag,
    retry,
  });

const WB_ISH = { MSH: 3, MSIAttr: 0xf } as const;
/** Completion writes 0 to the first word of the SYNC's own slot. */
export const syncMsiPoll = (slot: number): Command =>
  command("CMD_SYNC", CMD_SYNC.encode({ Opcode: OPCODE.CMD_SYNC, CS: SYNC_CS.SIG_IRQ, ...WB_ISH, MSIAddress: BigInt(slot / 4) }));
export const syncSev = (): Command => command("CMD_SYNC", CMD_SYNC.encode({ Opcode: OPCODE.CMD_SYNC, CS: SYNC_CS.SIG_SEV, ...WB_ISH }));
