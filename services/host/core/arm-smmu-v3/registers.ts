import { type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";

/** Register offsets, from the one table that states them; EVENTQ and PRIQ pointers are on page 1. */
export const REG = Object.fromEntries(Object.entries(registers).map(([name, { offset }]) => [name, offset])) as Record<RegisterName, number>;
export const registerAddress = (offset: number): number => addressMap.smmuRegisters.base + offset;

export const CR0 = { SMMUEN: 1, PRIQEN: 2, EVENTQEN: 4, CMDQEN: 8, ATSCHK: 16 } as const;
export const IRQ_CTRL = { GERROR: 1, PRIQ: 2, EVENTQ: 4 } as const;
export const GERROR = { CMDQ_ERR: 1, SFM_ERR: 0x100, MASK: 0x1fd } as const;
export const OVFLG = 2 ** 31;
/** EventIDs of the SMMU's own MSIs. */
export const MSI_EVENT = { EVENTQ: 0, GERROR: 1, PRIQ: 2 } as const;

const bit = (value: number, n: number): boolean => ((value >>> n) & 1) === 1;
const field = (value: number, hi: number, lo: number): number => (value >>> lo) & (2 ** (hi - lo + 1) - 1);

export interface SmmuFeatures {
  stage1: boolean;
  stage2: boolean;
  ats: boolean;
  pri: boolean;
  sev: boolean;
  msi: boolean;
  hyp: boolean;
  stalls: boolean;
  twoLevelStreamTable: boolean;
  twoLevelCdTable: boolean;
  rangeInvalidation: boolean;
  attrTypesOverride: boolean;
  msiPoll: boolean;
  asidBits: number;
  vmidBits: number;
  sidBits: number;
  ssidBits: number;
  cmdqLog2: number;
  eventqLog2: number;
  priqLog2: number;
  oas: number;
}

/** Derives the features (host-driver.md, section 1); a string is the reason why the probe refuses the hardware. COHACC stands for the firmware's `dma-coherent`. */
export function deriveFeatures(idr0: number, idr1: number, idr3: number, idr5: number): SmmuFeatures | string {
  if (bit(idr1, 30) || bit(idr1, 29) || bit(idr1, 28)) return "embedded implementation not supported";
  const TTF = field(idr0, 3, 2);
  if (TTF !== 2 && TTF !== 3) return "AArch64 table format not supported";
  const TTENDIAN = field(idr0, 22, 21);
  if (TTENDIAN === 3 || TTENDIAN === 1) return "unknown/unsupported TT endianness";
  const stage1 = bit(idr0, 1);
  const stage2 = bit(idr0, 0);
  if (!stage1 && !stage2) return "no translation support";
  // Q_MAX_SZ_SHIFT = 20: at most 64 Ki commands and page requests, 32 Ki events.
  const cmdqLog2 = Math.min(field(idr1, 25, 21), 16);
  if (cmdqLog2 <= 6) return "command queue too small";
  const msi = bit(idr0, 13);
  const twoLevelCdTable = bit(idr0, 19);
  const SSIDSIZE = field(idr1, 10, 6);
  return {
    stage1,
    stage2,
    ats: bit(idr0, 10),
    pri: bit(idr0, 16),
    sev: bit(idr0, 14),
    msi,
    hyp: bit(idr0, 9),
    stalls: field(idr0, 25, 24) !== 1,
    twoLevelStreamTable: field(idr0, 28, 27) === 1,
    twoLevelCdTable,
    rangeInvalidation: bit(idr3, 10),
    attrTypesOverride: bit(idr1, 27),
    msiPoll: msi && bit(idr0, 4),
    asidBits: bit(idr0, 12) ? 16 : 8,
    vmidBits: bit(idr0, 18) ? 16 : 8,
    sidBits: field(idr1, 5, 0),
    ssidBits: twoLevelCdTable ? SSIDSIZE : Math.min(SSIDSIZE, 10),
    cmdqLog2,
    eventqLog2: Math.min(field(idr1, 20, 16), 15),
    priqLog2: Math.min(field(idr1, 15, 11), 16),
    oas: [32, 36, 40, 42, 44, 48, 52, 48][field(idr5, 2, 0)],
  };
}
