// The reference walker: written from spec/smmuv3.md and spec/page-tables.md alone, in BigInt, without caches; it shares no code and no constant with the core.

/** Bits [hi:lo] of a value, absolute as the specification prints them. */
export const bits = (raw: bigint, hi: number, lo = hi): number => Number((raw >> BigInt(lo)) & ((1n << BigInt(hi - lo + 1)) - 1n));
/** The same bits, in place: an address field that the specification prints as [hi:lo] of an address. */
export const inPlace = (raw: bigint, hi: number, lo: number): bigint => ((raw >> BigInt(lo)) & ((1n << BigInt(hi - lo + 1)) - 1n)) << BigInt(lo);
export const pow2 = (n: number): bigint => 1n << BigInt(n);
export const alignDown = (address: bigint, size: bigint): bigint => address - (address % size);

export interface IdValues {
  IDR0: number;
  IDR1: number;
  IDR3: number;
  IDR5: number;
  AIDR: number;
}

/** What a read is for: the memory of the property draws its contents by this. */
export type Purpose =
  | { of: "L1STD"; split: number }
  | { of: "STE"; sid: number }
  | { of: "L1CD" }
  | { of: "CD" }
  | { of: "descriptor"; stage: 1 | 2; level: number; pageBits: number; outputBits: number };

/** Memory as the walker sees it. `null` is an external abort. */
export interface WalkedMemory {
  /** `words` doublewords as one little-endian number, fetched as one access. */
  load(address: bigint, words: 1 | 8, purpose: Purpose): bigint | null;
  store(address: bigint, value: bigint): void;
}

export interface WalkedRegisters {
  ATSCHK: boolean;
  RECINVSID: boolean;
  REC_CFG_ATS: boolean;
  E2H: boolean;
  STRTAB_BASE: bigint;
  STRTAB_BASE_CFG: bigint;
}

/** An access that enters with SMMUEN = 1. */
export interface WalkedAccess {
  sid: number;
  ssid: number | null;
  translated: boolean;
  address: bigint;
  write: boolean;
  priv: boolean;
  exec: boolean;
}

export interface WalkedMachine {
  id: Id;
  regs: WalkedRegisters;
  memory: WalkedMemory;
  /** Told of each row of the specification's tables that decided something. */
  reach(row: string): void;
}

export type Id = ReturnType<typeof idOf>;

const OAS = [32, 36, 40, 42, 44, 48, 52];
/** OAS, IPS and S2PS encoding in bits; 7 behaves as 6 up to SMMUv3.3 (smmuv3.md, 3.2). */
export const addressBits = (encoding: number): number => OAS[Math.min(encoding, 6)];

/** The ID registers by field (smmuv3.md, 1.3). */
export function idOf({ IDR0, IDR1, IDR3, IDR5 }: IdValues) {
  const of =
    (register: number) =>
    (hi: number, lo = hi) =>
      bits(BigInt(register >>> 0), hi, lo);
  const [idr0, idr1, idr3, idr5] = [of(IDR0), of(IDR1), of(IDR3), of(IDR5)];
  const OASBits = addressBits(idr5(2, 0));
  return {
    S2P: idr0(0) === 1,
    S1P: idr0(1) === 1,
    HTTU: idr0(7, 6),
    HYP: idr0(9) === 1,
    ATS: idr0(10) === 1,
    NS1ATS: idr0(11) === 1,
    ASID16: idr0(12) === 1,
    VMID16: idr0(18) === 1,
    CD2L: idr0(19) === 1,
    TTENDIAN: idr0(22, 21),
    STALL_MODEL: idr0(25, 24),
    TERM_MODEL: idr0(26) === 1,
    ST_LEVEL: idr0(28, 27),
    SIDSIZE: idr1(5, 0),
    SSIDSIZE: idr1(10, 6),
    ATTR_PERMS_OVR: idr1(26) === 1,
    HAD: idr3(2) === 1,
    XNX: idr3(4) === 1,
    FWB: idr3(8) === 1,
    STT: idr3(9) === 1,
    E0PD: idr3(13) === 1,
    EPAN: idr3(17) === 1,
    OAS: OASBits,
    /** AArch64 only: IAS = OAS. */
    IAS: OASBits,
    granules: [...(idr5(4) ? [12] : []), ...(idr5(5) ? [14] : []), ...(idr5(6) ? [16] : [])],
    VAX: idr5(11, 10),
    DS: idr5(7) === 1,
  };
}

export type TranslationFault = "F_TRANSLATION" | "F_ADDR_SIZE" | "F_ACCESS" | "F_PERMISSION";
export type WalkedEvent =
  | TranslationFault
  | "C_BAD_STREAMID"
  | "F_STE_FETCH"
  | "C_BAD_STE"
  | "F_STREAM_DISABLED"
  | "F_TRANSL_FORBIDDEN"
  | "C_BAD_SUBSTREAMID"
  | "F_CD_FETCH"
  | "C_BAD_CD"
  | "F_WALK_EABT";

export const CLASS = { CD: 0, TT: 1, IN: 2 } as const;
export type Class = (typeof CLASS)[keyof typeof CLASS];

export interface FaultFacts {
  S2: boolean;
  CLASS: Class;
  IPA: bigint;
  FetchAddr: bigint;
  TTRnW: number;
  /** The address-size fault of a bypassed stage: no R and S2R gate, never stalled (smmuv3.md, 2.4). */
  bypass: boolean;
}

/** Ends an access. Thrown, so that the order of the walker's lines is the order of precedence (smmuv3.md, 5.3). `event` null: a silent abort. */
export class Termination extends Error {
  readonly event: WalkedEvent | null;
  readonly facts: FaultFacts;
  constructor(event: WalkedEvent | null, facts: Partial<FaultFacts> = {}) {
    super(event ?? "silent");
    this.event = event;
    this.facts = { S2: false, CLASS: CLASS.IN, IPA: 0n, FetchAddr: 0n, TTRnW: 1, bypass: false, ...facts };
  }
}
