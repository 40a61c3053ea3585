import { bitStruct } from "../codec/bit-struct.ts";

/** Command opcodes. Arm IHI 0070 G.b, 4.1. */
export const OPCODE = {
  CMD_PREFETCH_CONFIG: 0x01,
  CMD_PREFETCH_ADDR: 0x02,
  CMD_CFGI_STE: 0x03,
  CMD_CFGI_STE_RANGE: 0x04,
  CMD_CFGI_CD: 0x05,
  CMD_CFGI_CD_ALL: 0x06,
  CMD_CFGI_VMS_PIDM: 0x07,
  CMD_TLBI_NH_ALL: 0x10,
  CMD_TLBI_NH_ASID: 0x11,
  CMD_TLBI_NH_VA: 0x12,
  CMD_TLBI_NH_VAA: 0x13,
  CMD_TLBI_EL3_ALL: 0x18,
  CMD_TLBI_EL3_VA: 0x1a,
  CMD_TLBI_EL2_ALL: 0x20,
  CMD_TLBI_EL2_ASID: 0x21,
  CMD_TLBI_EL2_VA: 0x22,
  CMD_TLBI_EL2_VAA: 0x23,
  CMD_TLBI_S12_VMALL: 0x28,
  CMD_TLBI_S2_IPA: 0x2a,
  CMD_TLBI_NSNH_ALL: 0x30,
  CMD_ATC_INV: 0x40,
  CMD_PRI_RESP: 0x41,
  CMD_RESUME: 0x44,
  CMD_STALL_TERM: 0x45,
  CMD_SYNC: 0x46,
  CMD_DPTI_ALL: 0x70,
  CMD_DPTI_PA: 0x73,
} as const;
export type CommandName = keyof typeof OPCODE;
/** Those that invalidate something in a cache, and CMD_SYNC, which waits for them. */
export const maintenanceCommands = (Object.keys(OPCODE) as CommandName[]).filter((name) => /^CMD_(CFGI|TLBI|ATC_INV|DPTI|SYNC)/.test(name));

const stream = { Opcode: [7, 0], SSec: [10, 10], SSV: [11, 11], SubstreamID: [31, 12], StreamID: [63, 32] } as const;
/** Bit 25 is the sixth of SCALE with IDR5.DS = 1, and RES0 otherwise (4.4.1). */
const range = { NUM: [16, 12], SCALE: [25, 20], VMID: [47, 32], Leaf: [64, 64], TTL: [73, 72], TG: [75, 74] } as const;

export const CMD_PREFETCH_CONFIG = bitStruct("CMD_PREFETCH_CONFIG", 16, stream);
export const CMD_PREFETCH_ADDR = bitStruct("CMD_PREFETCH_ADDR", 16, { ...stream, Size: [68, 64], Stride: [73, 69], Addr: [127, 76] });
export const CMD_CFGI_STE = bitStruct("CMD_CFGI_STE", 16, { Opcode: [7, 0], SSec: [10, 10], StreamID: [63, 32], Leaf: [64, 64] });
/** Range = 31 is CFGI_ALL: StreamID is ignored. 4.3.2 */
export const CMD_CFGI_STE_RANGE = bitStruct("CMD_CFGI_STE_RANGE", 16, { Opcode: [7, 0], SSec: [10, 10], StreamID: [63, 32], Range: [68, 64] });
export const CMD_CFGI_CD = bitStruct("CMD_CFGI_CD", 16, { Opcode: [7, 0], SSec: [10, 10], SubstreamID: [31, 12], StreamID: [63, 32], Leaf: [64, 64] });
export const CMD_CFGI_CD_ALL = bitStruct("CMD_CFGI_CD_ALL", 16, { Opcode: [7, 0], SSec: [10, 10], StreamID: [63, 32] });
export const CMD_TLBI_NH_ALL = bitStruct("CMD_TLBI_NH_ALL", 16, { Opcode: [7, 0], VMID: [47, 32] });
export const CMD_TLBI_NH_ASID = bitStruct("CMD_TLBI_NH_ASID", 16, { Opcode: [7, 0], VMID: [47, 32], ASID: [63, 48] });
export const CMD_TLBI_NH_VA = bitStruct("CMD_TLBI_NH_VA", 16, { Opcode: [7, 0], ...range, ASID: [63, 48], Addr: [127, 76] });
export const CMD_TLBI_NH_VAA = bitStruct("CMD_TLBI_NH_VAA", 16, { Opcode: [7, 0], ...range, Addr: [127, 76] });
export const CMD_TLBI_EL2_VA = bitStruct("CMD_TLBI_EL2_VA", 16, {
  Opcode: [7, 0],
  NUM: [16, 12],
  SCALE: [25, 20],
  ASID: [63, 48],
  Leaf: [64, 64],
  TTL: [73, 72],
  TG: [75, 74],
  Addr: [127, 76],
});
export const CMD_TLBI_S12_VMALL = bitStruct("CMD_TLBI_S12_VMALL", 16, { Opcode: [7, 0], VMID: [47, 32] });
export const CMD_TLBI_S2_IPA = bitStruct("CMD_TLBI_S2_IPA", 16, { Opcode: [7, 0], ...range, Addr: [119, 76] });
export const CMD_TLBI_NSNH_ALL = bitStruct("CMD_TLBI_NSNH_ALL", 16, { Opcode: [7, 0] });
/** Invalidates 4096 * 2^Size bytes at Addr in the endpoint's ATC; Size 52 = everything. 4.5.1 */
export const CMD_ATC_INV = bitStruct("CMD_ATC_INV", 16, {
  Opcode: [7, 0],
  Global: [9, 9],
  SSV: [11, 11],
  SubstreamID: [31, 12],
  StreamID: [63, 32],
  Size: [69, 64],
  Addr: [127, 76],
});
/** Completes one Page Request Group. 4.5.2 */
export const CMD_PRI_RESP = bitStruct("CMD_PRI_RESP", 16, {
  Opcode: [7, 0],
  SSV: [11, 11],
  SubstreamID: [31, 12],
  StreamID: [63, 32],
  PRGIndex: [72, 64],
  Resp: [77, 76],
});
export const CMD_RESUME = bitStruct("CMD_RESUME", 16, { Opcode: [7, 0], SSec: [10, 10], Ac: [12, 12], Ab: [13, 13], StreamID: [63, 32], STAG: [79, 64] });
export const CMD_STALL_TERM = bitStruct("CMD_STALL_TERM", 16, { Opcode: [7, 0], SSec: [10, 10], StreamID: [63, 32] });
/** MSIAddress holds address bits [55:2]. 4.7.3 */
export const CMD_SYNC = bitStruct("CMD_SYNC", 16, {
  Opcode: [7, 0],
  SSec: [10, 10],
  CS: [13, 12],
  MSH: [23, 22],
  MSIAttr: [27, 24],
  MSIData: [63, 32],
  MSIAddress: [119, 66],
});

/** CMD_PRI_RESP.Resp; 0b11 is reserved and makes the command ILLEGAL. */
export const PRI_RESP = { ResponseFailure: 0, InvalidRequest: 1, Success: 2 } as const;
/** CMD_SYNC.CS; 3 is reserved and makes the command ILLEGAL. */
export const SYNC_CS = { SIG_NONE: 0, SIG_IRQ: 1, SIG_SEV: 2 } as const;
/** CMDQ_CONS.ERR. 7.1 */
export const CERROR = { CERROR_NONE: 0, CERROR_ILL: 1, CERROR_ABT: 2, CERROR_ATC_INV_SYNC: 3 } as const;
