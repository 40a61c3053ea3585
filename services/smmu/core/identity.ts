import { field, registers } from "@faultline/shared/arm-smmu-v3/registers.ts";
import type { SmmuOptions } from "@faultline/shared/machine/machine.ts";

export interface IdRegisters {
  IDR0: number;
  IDR1: number;
  IDR3: number;
  IDR5: number;
  AIDR: number;
}

const OAS_BITS = [32, 36, 40, 42, 44, 48, 52, 56];
/** Bits of an OAS, IPS or S2PS encoding; 7 behaves as 6 in this version (3.4). */
export const sizeBits = (encoding: number): number => OAS_BITS[Math.min(encoding, 6)];

/** ID registers of a machine file. BTM is 0: no edge carries DVM. AIDR says SMMUv3.1, where RIL and BBML are optional. */
export function idRegisters(o: SmmuOptions): IdRegisters {
  const f = registers.IDR0.fields;
  const set = (bits: readonly [number, number], value: number | boolean) => Number(value) * 2 ** bits[1];
  const httu = { none: 0, access: 1, dirty: 2 }[o.httu];
  const IDR0 =
    set(f.S2P, o.stage2) +
    set(f.S1P, o.stage1) +
    set(f.TTF, 2) +
    set(f.COHACC, o.cohacc) +
    set(f.HTTU, httu) +
    set(f.HYP, o.hyp) +
    set(f.ATS, o.ats) +
    set(f.NS1ATS, 0) +
    set(f.ASID16, o.asidBits === 16) +
    set(f.MSI, o.msi) +
    set(f.SEV, 1) +
    set(f.PRI, o.pri) +
    set(f.VMW, o.vmw) +
    set(f.VMID16, o.vmidBits === 16) +
    set(f.CD2L, o.twoLevelCdTable) +
    set(f.TTENDIAN, 2) +
    set(f.ATSRECERR, o.ats) +
    set(f.STALL_MODEL, o.stall ? 0 : 1) +
    set(f.ST_LEVEL, o.twoLevelStreamTable ? 1 : 0);
  const g = registers.IDR1.fields;
  const IDR1 = set(g.SIDSIZE, o.sidBits) + set(g.SSIDSIZE, o.ssidBits) + set(g.PRIQS, o.pri ? o.priqLog2 : 0) + set(g.EVENTQS, o.eventqLog2) + set(g.CMDQS, o.cmdqLog2);
  const h = registers.IDR3.fields;
  const IDR3 = set(h.HAD, 1) + set(h.XNX, o.stage2) + set(h.RIL, o.rangeInvalidation) + set(h.BBML, 2);
  const k = registers.IDR5.fields;
  const IDR5 =
    set(k.OAS, OAS_BITS.indexOf(o.oas)) +
    set(k.GRAN4K, o.granules.includes("4K")) +
    set(k.GRAN16K, o.granules.includes("16K")) +
    set(k.GRAN64K, o.granules.includes("64K")) +
    set(k.DS, o.ds) +
    set(k.VAX, o.vaBits === 52) +
    set(k.STALL_MAX, o.stall ? 32 : 0);
  return { IDR0, IDR1, IDR3, IDR5, AIDR: 1 };
}

/** The ID registers as facts that behaviour follows. */
export interface Identity {
  id: IdRegisters;
  s1p: boolean;
  s2p: boolean;
  httu: number;
  /** EL2 stream worlds: STE.STRW, CR2.E2H, CMD_TLBI_EL2_*. */
  hyp: boolean;
  ats: boolean;
  ns1ats: boolean;
  asid16: boolean;
  msi: boolean;
  sev: boolean;
  pri: boolean;
  /** VMID wildcards: CR0.VMW. */
  vmw: boolean;
  vmid16: boolean;
  cd2l: boolean;
  atsRecErr: boolean;
  stallModel: number;
  termModel: boolean;
  twoLevelStreamTable: boolean;
  ttendian: number;
  sidBits: number;
  ssidBits: number;
  priqLog2: number;
  eventqLog2: number;
  cmdqLog2: number;
  permsOverride: boolean;
  had: boolean;
  xnx: boolean;
  fwb: boolean;
  e0pd: boolean;
  epan: boolean;
  pps: boolean;
  ril: boolean;
  stt: boolean;
  oas: number;
  /** 52-bit addresses with 4K and 16K, where CD.DS and STE.S2DS ask for them. */
  ds: boolean;
  /** 52-bit VAs with 64K. */
  vax: boolean;
  granules: ReadonlySet<number>;
  stallMax: number;
}

export function identityOf(id: IdRegisters): Identity {
  const f = registers.IDR0.fields;
  const g = registers.IDR1.fields;
  const h = registers.IDR3.fields;
  const k = registers.IDR5.fields;
  const on = (value: number, bits: readonly [number, number]) => field(value, bits) !== 0;
  const granules = new Set<number>();
  if (on(id.IDR5, k.GRAN4K)) granules.add(12);
  if (on(id.IDR5, k.GRAN16K)) granules.add(14);
  if (on(id.IDR5, k.GRAN64K)) granules.add(16);
  return {
    id,
    s1p: on(id.IDR0, f.S1P),
    s2p: on(id.IDR0, f.S2P),
    httu: field(id.IDR0, f.HTTU),
    hyp: on(id.IDR0, f.HYP),
    ats: on(id.IDR0, f.ATS),
    ns1ats: on(id.IDR0, f.NS1ATS),
    asid16: on(id.IDR0, f.ASID16),
    msi: on(id.IDR0, f.MSI),
    sev: on(id.IDR0, f.SEV),
    pri: on(id.IDR0, f.PRI),
    vmw: on(id.IDR0, f.VMW),
    vmid16: on(id.IDR0, f.VMID16),
    cd2l: on(id.IDR0, f.CD2L),
    atsRecErr: on(id.IDR0, f.ATSRECERR),
    stallModel: field(id.IDR0, f.STALL_MODEL),
    termModel: on(id.IDR0, f.TERM_MODEL),
    twoLevelStreamTable: field(id.IDR0, f.ST_LEVEL) === 1,
    ttendian: field(id.IDR0, f.TTENDIAN),
    sidBits: field(id.IDR1, g.SIDSIZE),
    ssidBits: field(id.IDR1, g.SSIDSIZE),
    priqLog2: field(id.IDR1, g.PRIQS),
    eventqLog2: field(id.IDR1, g.EVENTQS),
    cmdqLog2: field(id.IDR1, g.CMDQS),
    permsOverride: on(id.IDR1, g.ATTR_PERMS_OVR),
    had: on(id.IDR3, h.HAD),
    xnx: on(id.IDR3, h.XNX),
    fwb: on(id.IDR3, h.FWB),
    e0pd: on(id.IDR3, h.E0PD),
    epan: on(id.IDR3, h.EPAN),
    pps: on(id.IDR3, h.PPS),
    ril: on(id.IDR3, h.RIL),
    stt: on(id.IDR3, h.STT),
    oas: sizeBits(field(id.IDR5, k.OAS)),
    ds: on(id.IDR5, k.DS),
    vax: on(id.IDR5, k.VAX),
    granules,
    stallMax: field(id.IDR5, k.STALL_MAX),
  };
}

/** IAS of an AArch64-only implementation equals OAS (3.4). */
export const ias = (identity: Identity): number => identity.oas;

/** CD.DS or STE.S2DS in effect: RES0 without IDR5.DS, and 64K has 52-bit addresses without it (page-tables.md, sections 2 to 4). */
export const wideAddresses = (granule: number, bit: number, { ds }: Identity): boolean => ds && bit === 1 && granule !== 16;
