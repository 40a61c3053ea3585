import type { Bits } from "../codec/bit-struct.ts";

export interface Register {
  /** From the SMMU base; page 1 registers are at 0x1xxxx, and nowhere else (6.2: an alias in page 0 is optional). */
  offset: number;
  sizeBytes: 4 | 8;
  /** RO; RW; or the enable whose 0 (in CR0 or IRQ_CTRL and its ACK) makes it writable. */
  access: "RO" | "RW" | "SMMUEN" | "CMDQEN" | "EVENTQEN" | "PRIQEN" | "GERROR_IRQEN" | "EVENTQ_IRQEN" | "PRIQ_IRQEN";
  fields: Record<string, Bits>;
}

const irqCfg0 = { ADDR: [55, 2] } as const;
const irqCfg1 = { DATA: [31, 0] } as const;
const irqCfg2 = { MemAttr: [3, 0], SH: [5, 4] } as const;
const errors = {
  CMDQ_ERR: [0, 0],
  EVENTQ_ABT_ERR: [2, 2],
  PRIQ_ABT_ERR: [3, 3],
  MSI_CMDQ_ABT_ERR: [4, 4],
  MSI_EVENTQ_ABT_ERR: [5, 5],
  MSI_PRIQ_ABT_ERR: [6, 6],
  MSI_GERROR_ABT_ERR: [7, 7],
  SFM_ERR: [8, 8],
} as const;
const enables = { SMMUEN: [0, 0], PRIQEN: [1, 1], EVENTQEN: [2, 2], CMDQEN: [3, 3], ATSCHK: [4, 4], VMW: [8, 6] } as const;
const irqEnables = { GERROR_IRQEN: [0, 0], PRIQ_IRQEN: [1, 1], EVENTQ_IRQEN: [2, 2] } as const;

/** The Non-secure programming interface. Arm IHI 0070 G.b, 6.2 and 6.3. */
export const registers = {
  IDR0: {
    offset: 0x00,
    sizeBytes: 4,
    access: "RO",
    fields: {
      S2P: [0, 0],
      S1P: [1, 1],
      TTF: [3, 2],
      COHACC: [4, 4],
      BTM: [5, 5],
      HTTU: [7, 6],
      DORMHINT: [8, 8],
      HYP: [9, 9],
      ATS: [10, 10],
      NS1ATS: [11, 11],
      ASID16: [12, 12],
      MSI: [13, 13],
      SEV: [14, 14],
      ATOS: [15, 15],
      PRI: [16, 16],
      VMW: [17, 17],
      VMID16: [18, 18],
      CD2L: [19, 19],
      VATOS: [20, 20],
      TTENDIAN: [22, 21],
      ATSRECERR: [23, 23],
      STALL_MODEL: [25, 24],
      TERM_MODEL: [26, 26],
      ST_LEVEL: [28, 27],
    },
  },
  IDR1: {
    offset: 0x04,
    sizeBytes: 4,
    access: "RO",
    fields: {
      SIDSIZE: [5, 0],
      SSIDSIZE: [10, 6],
      PRIQS: [15, 11],
      EVENTQS: [20, 16],
      CMDQS: [25, 21],
      ATTR_PERMS_OVR: [26, 26],
      ATTR_TYPES_OVR: [27, 27],
      REL: [28, 28],
      QUEUES_PRESET: [29, 29],
      TABLES_PRESET: [30, 30],
      ECMDQ: [31, 31],
    },
  },
  IDR2: { offset: 0x08, sizeBytes: 4, access: "RO", fields: { BA_VATOS: [9, 0] } },
  IDR3: {
    offset: 0x0c,
    sizeBytes: 4,
    access: "RO",
    fields: {
      HAD: [2, 2],
      PBHA: [3, 3],
      XNX: [4, 4],
      PPS: [5, 5],
      MPAM: [7, 7],
      FWB: [8, 8],
      STT: [9, 9],
      RIL: [10, 10],
      BBML: [12, 11],
      E0PD: [13, 13],
      PTWNNC: [14, 14],
      DPT: [15, 15],
      PASIDTT: [16, 16],
      EPAN: [17, 17],
    },
  },
  IDR4: { offset: 0x10, sizeBytes: 4, access: "RO", fields: {} },
  IDR5: {
    offset: 0x14,
    sizeBytes: 4,
    access: "RO",
    fields: { OAS: [2, 0], GRAN4K: [4, 4], GRAN16K: [5, 5], GRAN64K: [6, 6], DS: [7, 7], VAX: [11, 10], STALL_MAX: [31, 16] },
  },
  IIDR: { offset: 0x18, sizeBytes: 4, access: "RO", fields: { Implementer: [11, 0], Revision: [15, 12], Variant: [19, 16], ProductID: [31, 20] } },
  AIDR: { offset: 0x1c, sizeBytes: 4, access: "RO", fields: { ArchMinor: [3, 0], ArchMajor: [7, 4] } },
  CR0: { offset: 0x20, sizeBytes: 4, access: "RW", fields: enables },
  CR0ACK: { offset: 0x24, sizeBytes: 4, access: "RO", fields: enables },
  CR1: {
    offset: 0x28,
    sizeBytes: 4,
    access: "RW",
    fields: { QUEUE_IC: [1, 0], QUEUE_OC: [3, 2], QUEUE_SH: [5, 4], TABLE_IC: [7, 6], TABLE_OC: [9, 8], TABLE_SH: [11, 10] },
  },
  CR2: { offset: 0x2c, sizeBytes: 4, access: "SMMUEN", fields: { E2H: [0, 0], RECINVSID: [1, 1], PTM: [2, 2], REC_CFG_ATS: [3, 3] } },
  STATUSR: { offset: 0x40, sizeBytes: 4, access: "RO", fields: { DORMANT: [0, 0] } },
  GBPA: {
    offset: 0x44,
    sizeBytes: 4,
    access: "RW",
    fields: { MemAttr: [3, 0], MTCFG: [4, 4], ALLOCCFG: [11, 8], SHCFG: [13, 12], PRIVCFG: [17, 16], INSTCFG: [19, 18], ABORT: [20, 20], Update: [31, 31] },
  },
  AGBPA: { offset: 0x48, sizeBytes: 4, access: "RW", fields: {} },
  IRQ_CTRL: { offset: 0x50, sizeBytes: 4, access: "RW", fields: irqEnables },
  IRQ_CTRLACK: { offset: 0x54, sizeBytes: 4, access: "RO", fields: irqEnables },
  GERROR: { offset: 0x60, sizeBytes: 4, access: "RO", fields: errors },
  GERRORN: { offset: 0x64, sizeBytes: 4, access: "RW", fields: errors },
  GERROR_IRQ_CFG0: { offset: 0x68, sizeBytes: 8, access: "GERROR_IRQEN", fields: irqCfg0 },
  GERROR_IRQ_CFG1: { offset: 0x70, sizeBytes: 4, access: "GERROR_IRQEN", fields: irqCfg1 },
  GERROR_IRQ_CFG2: { offset: 0x74, sizeBytes: 4, access: "GERROR_IRQEN", fields: irqCfg2 },
  STRTAB_BASE: { offset: 0x80, sizeBytes: 8, access: "SMMUEN", fields: { ADDR: [55, 6], RA: [62, 62] } },
  STRTAB_BASE_CFG: { offset: 0x88, sizeBytes: 4, access: "SMMUEN", fields: { LOG2SIZE: [5, 0], SPLIT: [10, 6], FMT: [17, 16] } },
  CMDQ_BASE: { offset: 0x90, sizeBytes: 8, access: "CMDQEN", fields: { LOG2SIZE: [4, 0], ADDR: [55, 5], RA: [62, 62] } },
  CMDQ_PROD: { offset: 0x98, sizeBytes: 4, access: "RW", fields: { WR: [19, 0] } },
  CMDQ_CONS: { offset: 0x9c, sizeBytes: 4, access: "CMDQEN", fields: { RD: [19, 0], ERR: [30, 24] } },
  EVENTQ_BASE: { offset: 0xa0, sizeBytes: 8, access: "EVENTQEN", fields: { LOG2SIZE: [4, 0], ADDR: [55, 5], WA: [62, 62] } },
  EVENTQ_IRQ_CFG0: { offset: 0xb0, sizeBytes: 8, access: "EVENTQ_IRQEN", fields: irqCfg0 },
  EVENTQ_IRQ_CFG1: { offset: 0xb8, sizeBytes: 4, access: "EVENTQ_IRQEN", fields: irqCfg1 },
  EVENTQ_IRQ_CFG2: { offset: 0xbc, sizeBytes: 4, access: "EVENTQ_IRQEN", fields: irqCfg2 },
  EVENTQ_PROD: { offset: 0x100a8, sizeBytes: 4, access: "EVENTQEN", fields: { WR: [19, 0], OVFLG: [31, 31] } },
  EVENTQ_CONS: { offset: 0x100ac, sizeBytes: 4, access: "RW", fields: { RD: [19, 0], OVACKFLG: [31, 31] } },
  PRIQ_BASE: { offset: 0xc0, sizeBytes: 8, access: "PRIQEN", fields: { LOG2SIZE: [4, 0], ADDR: [55, 5], WA: [62, 62] } },
  PRIQ_IRQ_CFG0: { offset: 0xd0, sizeBytes: 8, access: "PRIQ_IRQEN", fields: irqCfg0 },
  PRIQ_IRQ_CFG1: { offset: 0xd8, sizeBytes: 4, access: "PRIQ_IRQEN", fields: irqCfg1 },
  PRIQ_IRQ_CFG2: { offset: 0xdc, sizeBytes: 4, access: "PRIQ_IRQEN", fields: { ...irqCfg2, LO: [31, 31] } },
  PRIQ_PROD: { offset: 0x100c8, sizeBytes: 4, access: "PRIQEN", fields: { WR: [19, 0], OVFLG: [31, 31] } },
  PRIQ_CONS: { offset: 0x100cc, sizeBytes: 4, access: "RW", fields: { RD: [19, 0], OVACKFLG: [31, 31] } },
  PIDR4: { offset: 0xfd0, sizeBytes: 4, access: "RO", fields: {} },
  PIDR5: { offset: 0xfd4, sizeBytes: 4, access: "RO", fields: {} },
  PIDR6: { offset: 0xfd8, sizeBytes: 4, access: "RO", fields: {} },
  PIDR7: { offset: 0xfdc, sizeBytes: 4, access: "RO", fields: {} },
  PIDR0: { offset: 0xfe0, sizeBytes: 4, access: "RO", fields: {} },
  PIDR1: { offset: 0xfe4, sizeBytes: 4, access: "RO", fields: {} },
  PIDR2: { offset: 0xfe8, sizeBytes: 4, access: "RO", fields: {} },
  PIDR3: { offset: 0xfec, sizeBytes: 4, access: "RO", fields: {} },
  CIDR0: { offset: 0xff0, sizeBytes: 4, access: "RO", fields: {} },
  CIDR1: { offset: 0xff4, sizeBytes: 4, access: "RO", fields: {} },
  CIDR2: { offset: 0xff8, sizeBytes: 4, access: "RO", fields: {} },
  CIDR3: { offset: 0xffc, sizeBytes: 4, access: "RO", fields: {} },
} as const satisfies Record<string, Register>;

export type RegisterName = keyof typeof registers;

/** Bit `lo` of a one-bit field, or the mask of a field of at most 32 bits. */
export const mask = ([hi, lo]: Bits): number => ((hi - lo === 31 ? 0xffffffff : (1 << (hi - lo + 1)) - 1) << lo) >>> 0;
/** The value of a field of a 32-bit register. */
export const field = (value: number, bits: Bits): number => (value & mask(bits)) >>> bits[1];
