import { bitStruct } from "../codec/bit-struct.ts";
import { at } from "../linux-uapi/c-struct.ts";

export const COMPLETION_STATUS = {
  PENDING: 0,
  SUCCESS: 1,
  BAD_DESCRIPTOR: 2,
  RESPONSE_INVALID: 3,
  RESPONSE_FAILURE: 4,
  ABORTED: 5,
  MISMATCH: 6,
  RETRY_LIMIT: 7,
  STOPPED: 8,
} as const;

/** Completion record, 32 bytes; `status` is written last. `result`: the crc, the length written, or the offset of the mismatch. */
export const completion = bitStruct("completion", 32, { tag: at(0, 4), status: at(4, 1), bytesDone: at(8, 8), result: at(16, 8), faultAddress: at(24, 8) });
