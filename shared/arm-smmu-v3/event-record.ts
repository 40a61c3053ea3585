import { bitStruct } from "../codec/bit-struct.ts";

/** Event record, 32 bytes. Arm IHI 0070 G.b, 7.3. FetchAddr and IPA share doubleword 3. */
export const EVENT = bitStruct("EVENT", 32, {
  ID: [7, 0],
  SSV: [11, 11],
  SubstreamID: [31, 12],
  StreamID: [63, 32],
  STAG: [79, 64],
  Reason: [79, 64],
  GPCF: [80, 80],
  Stall: [95, 95],
  PnU: [97, 97],
  InD: [98, 98],
  RnW: [99, 99],
  NSIPA: [102, 102],
  S2: [103, 103],
  CLASS: [105, 104],
  TTRnW: [108, 108],
  InputAddr: [191, 128],
  IPA: [247, 204],
  FetchAddr: [247, 195],
});

export const EVENT_ID = {
  F_UUT: 0x01,
  C_BAD_STREAMID: 0x02,
  F_STE_FETCH: 0x03,
  C_BAD_STE: 0x04,
  F_BAD_ATS_TREQ: 0x05,
  F_STREAM_DISABLED: 0x06,
  F_TRANSL_FORBIDDEN: 0x07,
  C_BAD_SUBSTREAMID: 0x08,
  F_CD_FETCH: 0x09,
  C_BAD_CD: 0x0a,
  F_WALK_EABT: 0x0b,
  F_TRANSLATION: 0x10,
  F_ADDR_SIZE: 0x11,
  F_ACCESS: 0x12,
  F_PERMISSION: 0x13,
  F_TLB_CONFLICT: 0x20,
  F_CFG_CONFLICT: 0x21,
  E_PAGE_REQUEST: 0x24,
  F_VMS_FETCH: 0x25,
} as const;
export type EventName = keyof typeof EVENT_ID;
/** EVENT.CLASS: what was being translated. */
export const CLASS = { CD: 0, TT: 1, IN: 2 } as const;
