import { bitStruct } from "../codec/bit-struct.ts";

/** Level-1 context descriptor, 8 bytes; L2Ptr is address[55:12]. Arm IHI 0070 G.b, 5.3. */
export const L1CD = bitStruct("L1CD", 8, { V: [0, 0], L2Ptr: [55, 12] });
