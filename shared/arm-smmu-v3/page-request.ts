import { bitStruct } from "../codec/bit-struct.ts";

/** PRI queue record, 16 bytes. Arm IHI 0070 G.b, 8.1. A Stop Marker has SSV = 1, Last = 1, R = W = 0. Addr is address[63:12]. */
export const PRIQ_ENTRY = bitStruct("PRIQ_ENTRY", 16, {
  StreamID: [31, 0],
  SubstreamID: [51, 32],
  Priv: [58, 58],
  X: [59, 59],
  R: [60, 60],
  W: [61, 61],
  Last: [62, 62],
  SSV: [63, 63],
  PRGIndex: [72, 64],
  Addr: [127, 76],
});
