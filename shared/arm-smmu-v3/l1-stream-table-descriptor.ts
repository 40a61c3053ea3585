import { bitStruct } from "../codec/bit-struct.ts";

/** Level-1 stream table descriptor, 8 bytes: Span n = 2^(n-1) STEs, 0 invalid. Arm IHI 0070 G.b, 5.1. */
export const L1STD = bitStruct("L1STD", 8, { Span: [4, 0], L2Ptr: [55, 6] });
