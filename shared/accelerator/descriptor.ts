import { bitStruct } from "../codec/bit-struct.ts";
import { at } from "../linux-uapi/c-struct.ts";

export const OPERATION = { nop: 0, copy: 1, fill: 2, crc32c: 3, sha256: 4, gzip: 5, compare: 6 } as const;
export type Operation = keyof typeof OPERATION;

/** Values of `flags`. */
export const DESCRIPTOR_FLAG = { INTERRUPT: 1, FENCE: 2, PRIVILEGED: 4 } as const;

/** Descriptor of a ring, 64 bytes. Addresses are virtual addresses of the queue's PASID. */
export const descriptor = bitStruct("descriptor", 64, {
  op: at(0, 1),
  flags: at(1, 1),
  reserved0: at(2, 2),
  tag: at(4, 4),
  source: at(8, 8),
  destination: at(16, 8),
  length: at(24, 8),
  completion: at(32, 8),
  pattern: at(40, 8),
  reserved1: at(48, 16),
});
