import type { Bits } from "../codec/bit-struct.ts";

/* The accelerator's data sheet (interfaces.md, section 5). Addresses are offsets in BAR0. */

export const ACCELERATOR = {
  vendorId: 0x1234,
  deviceId: 0x5a01,
  classCode: 0x120000,
  id: 0x0001_5a01,
  barSize: 0x1_0000,
  queues: 8,
  log2MaxRing: 12,
  highestOperation: 6,
  maxGzipBytes: 2 ** 28,
} as const;

export interface RegisterDeclaration {
  offset: number;
  sizeBytes: 4 | 8;
  access: "RO" | "RW" | "RW1C";
  fields: Record<string, Bits>;
}

export const accelerator = {
  ID: { offset: 0x000, sizeBytes: 4, access: "RO", fields: { ID: [31, 0] } },
  CAPS: { offset: 0x004, sizeBytes: 4, access: "RO", fields: { QUEUES: [3, 0], LOG2_MAX_RING: [11, 8], HIGHEST_OP: [19, 16] } },
  CTRL: { offset: 0x008, sizeBytes: 4, access: "RW", fields: { ENABLE: [0, 0], RESET: [1, 1] } },
  STATUS: {
    offset: 0x00c,
    sizeBytes: 4,
    access: "RW1C",
    fields: { HALTED: [0, 0], RESPONSE_FAILURE: [1, 1], ATS_ERROR: [2, 2], RING_ERROR: [3, 3], PRI_STOPPED: [4, 4] },
  },
  PAGES_PER_GROUP: { offset: 0x010, sizeBytes: 4, access: "RW", fields: { PAGES: [6, 0] } },
  RETRY_LIMIT: { offset: 0x014, sizeBytes: 4, access: "RW", fields: { LIMIT: [31, 0] } },
  OUTSTANDING: { offset: 0x018, sizeBytes: 4, access: "RO", fields: { REQUESTS: [31, 0] } },
  FAULT_ADDRESS: { offset: 0x020, sizeBytes: 8, access: "RO", fields: { ADDRESS: [63, 0] } },
} as const satisfies Record<string, RegisterDeclaration>;

export const QUEUE_BASE = 0x1000,
  QUEUE_STRIDE = 0x100;
/** Offsets from `queueOffset(q)`. */
export const queueRegisters = {
  RING_BASE: { offset: 0x00, sizeBytes: 8, access: "RW", fields: { ADDRESS: [63, 0] } },
  RING_LOG2: { offset: 0x08, sizeBytes: 4, access: "RW", fields: { LOG2: [3, 0] } },
  PASID: { offset: 0x0c, sizeBytes: 4, access: "RW", fields: { PASID: [19, 0], VALID: [31, 31] } },
  HEAD: { offset: 0x10, sizeBytes: 4, access: "RO", fields: { INDEX: [31, 0] } },
  TAIL: { offset: 0x14, sizeBytes: 4, access: "RW", fields: { INDEX: [31, 0] } },
  QSTATUS: { offset: 0x18, sizeBytes: 4, access: "RW1C", fields: { ENABLED: [0, 0], ERROR: [1, 1], STOPPED: [2, 2], STOP: [8, 8] } },
  MSIX_VECTOR: { offset: 0x1c, sizeBytes: 4, access: "RW", fields: { VECTOR: [15, 0] } },
} as const satisfies Record<string, RegisterDeclaration>;

export const queueOffset = (queue: number): number => QUEUE_BASE + QUEUE_STRIDE * queue;

export const CTRL = { ENABLE: 1, RESET: 2 } as const;
export const STATUS = { HALTED: 1, RESPONSE_FAILURE: 2, ATS_ERROR: 4, RING_ERROR: 8, PRI_STOPPED: 16 } as const;
export const QSTATUS = { ENABLED: 1, ERROR: 2, STOPPED: 4, STOP: 0x100 } as const;
export const PASID_VALID = 2 ** 31;

/** MSI-X structure in BAR0; entries of 16 bytes: address, upper address, data, vector control. */
export const MSIX = { vectors: 9, tableOffset: 0x8000, pbaOffset: 0xc000, entrySize: 16 } as const;
/** Vectors 0 to 7 belong to the queues, 8 to errors of the function. */
export const ERROR_VECTOR = 8;
