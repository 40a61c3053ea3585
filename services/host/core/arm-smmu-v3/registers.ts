import { field, mask, type RegisterName, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import { addressMap } from "@faultline/shared/machine/address-map.ts";

/** Register offsets, from the one table that states them; EVENTQ and PRIQ pointers are on page 1. */
export const REG = Object.fromEntries(Object.entries(registers).map(([name, { offset }]) => [name, offset])) as Record<RegisterName, number>;
export const registerAddress = (offset: number): number => addressMap.smmuRegisters.base + offset;

const enables = registers.CR0.fields;
export const CR0 = {
  SMMUEN: mask(enables.SMMUEN),
  PRIQEN: mask(enables.PRIQEN),
  EVENTQEN: mask(enables.EVENTQEN),
  CMDQEN: mask(enables.CMDQEN),
  ATSCHK: mask(enables.ATSCHK),
} as const;
const irqEnables = registers.IRQ_CTRL.fields;
export const IRQ_CTRL = { GERROR: mask(irqEnables.GERROR_IRQEN), PRIQ: mask(irqEnables.PRIQ_IRQEN), EVENTQ: mask(irqEnables.EVENTQ_IRQEN) } as const;
/** MASK: the errors that the driver acts on, bits 0 and 2 to 8 (host-driver.md, section 9). */
export const GERROR = { CMDQ_ERR: mask(registers.GERROR.fields.CMDQ_ERR), SFM_ERR: mask(registers.GERROR.fields.SFM_ERR), MASK: 0x1fd } as const;
export const OVFLG = 2 ** 31;
/** EventIDs of the SMMU's own MSIs. */
export const MSI_EVENT = { EVENTQ: 0, GERROR: 1, PRIQ: 2 } as const;

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
  const f0 = registers.IDR0.fields;
  const f1 = registers.IDR1.fields;
  const on = (value: number, bits: readonly [hi: number, lo: number]): boolean => field(value, bits) !== 0;
  if (on(idr1, f1.TABLES_PRESET) || on(idr1, f1.QUEUES_PRESET) || on(idr1, f1.REL)) return "embedded implementation not supported";
  const TTF = field(idr0, f0.TTF);
  if (TTF !== 2 && TTF !== 3) return "AArch64 table format not supported";
  const TTENDIAN = field(idr0, f0.TTENDIAN);
  if (TTENDIAN === 3 || TTENDIAN === 1) return "unknown/unsupported TT endianness";
  const stage1 = on(idr0, f0.S1P);
  const stage2 = on(idr0, f0.S2P);
  if (!stage1 && !stage2) return "no translation support";
  // Q_MAX_SZ_SHIFT = 20: at most 64 Ki commands and page requests, 32 Ki events.
  const cmdqLog2 = Math.min(field(idr1, f1.CMDQS), 16);
  if (cmdqLog2 <= 6) return "command queue too small";
  const msi = on(idr0, f0.MSI);
  const twoLevelCdTable = on(idr0, f0.CD2L);
  const SSIDSIZE = field(idr1, f1.SSIDSIZE);
  return {
    stage1,
    stage2,
    ats: on(idr0, f0.ATS),
    pri: on(idr0, f0.PRI),
    sev: on(idr0, f0.SEV),
    msi,
    hyp: on(idr0, f0.HYP),
    stalls: field(idr0, f0.STALL_MODEL) !== 1,
    twoLevelStreamTable: field(idr0, f0.ST_LEVEL) === 1,
    twoLevelCdTable,
    rangeInvalidation: on(idr3, registers.IDR3.fields.RIL),
    attrTypesOverride: on(idr1, f1.ATTR_TYPES_OVR),
    msiPoll: msi && on(idr0, f0.COHACC),
    asidBits: on(idr0, f0.ASID16) ? 16 : 8,
    vmidBits: on(idr0, f0.VMID16) ? 16 : 8,
    sidBits: field(idr1, f1.SIDSIZE),
    ssidBits: twoLevelCdTable ? SSIDSIZE : Math.min(SSIDSIZE, 10),
    cmdqLog2,
    eventqLog2: Math.min(field(idr1, f1.EVENTQS), 15),
    priqLog2: Math.min(field(idr1, f1.PRIQS), 16),
    oas: [32, 36, 40, 42, 44, 48, 52, 48][field(idr5, registers.IDR5.fields.OAS)],
  };
}
