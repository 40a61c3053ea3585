import { highHalf, lowHalf } from "./address-halves.ts";
import { levelShift } from "./geometry.ts";
import { TABLE_ATTRIBUTES } from "./permissions.ts";

/** What one stage's registers say of its tables. */
export interface StageFacts {
  stage: 1 | 2;
  /** log2 of the granule. */
  granule: number;
  startLevel: number;
  base: number;
  /** Bits of input address. */
  inputBits: number;
  /** Effective IPS or S2PS. */
  outputBits: number;
  oas: number;
  /** CD.DS or STE.S2DS in effect (4K and 16K): descriptors hold 52-bit addresses. */
  DS: boolean;
  /** CD.TBIx: VA[63:56] is not looked at. */
  TBI: boolean;
  /** Access flag: AFFD, HA, HD of the CD or the STE (S2AFFD, S2HA, S2HD). */
  AFFD: boolean;
  HA: boolean;
  HD: boolean;
  /** CD.HADx: hierarchical attributes are ignored. */
  HAD: boolean;
  /** CD.E0PDx: unprivileged accesses have no translation here. */
  E0PD: boolean;
  /** STE.S2FWB: MemAttr has three bits, and Device types are those without the highest (page-tables.md, section 4.4). */
  FWB: boolean;
  /** STE.S2PTW: a stage-1 walk or CD fetch that stage 2 maps as Device memory faults. */
  PTW: boolean;
}

/** The same with what the walk needs of it at every level, worked out once. */
export interface StageTable extends Omit<StageFacts, "base" | "startLevel" | "HAD" | "FWB"> {
  /** First table, and log2 of what one of its entries maps. */
  rootHigh: number;
  rootLow: number;
  rootShift: number;
  /** Index bits of every other table. */
  indexMask: number;
  /** Bits of the lower half that are the address of a table. */
  tableMask: number;
  /** Bits of the upper half of an address that are beyond the output size. */
  beyondOutput: number;
  /** Bits of the upper half of a descriptor that are address bits: [47:32], and [49:48] with DS. */
  highMask: number;
  /** Bits of the lower half that are the address bits above those, and how far up they belong: 15:12 with 64 KiB granules and OAS 52, 9:8 with DS (page-tables.md, 4.1, 4.2). */
  topMask: number;
  topShift: number;
  /** Bits of a stage-2 leaf that are 0 in Device memory. */
  deviceMask: number;
  /** TABLE_ATTRIBUTES, where table descriptors have any: stage 1 without HAD. */
  attributes: number;
}

export function stageTable(facts: StageFacts): StageTable {
  const { stage, granule, startLevel, base, inputBits, outputBits, oas, DS, TBI, AFFD, HA, HD, HAD, E0PD, FWB, PTW } = facts;
  const rootShift = levelShift(granule, startLevel);
  // The first table has as many entries as the input has bits above `rootShift`, concatenated ones included; its base is aligned to its size (page-tables.md, section 1).
  const size = Math.max(2 ** (inputBits - rootShift) * 8, outputBits === 52 ? 64 : 16);
  const root = base - (base % size);
  return {
    stage,
    granule,
    rootHigh: highHalf(root),
    rootLow: lowHalf(root),
    rootShift,
    indexMask: (1 << (granule - 3)) - 1,
    tableMask: -1 << granule,
    beyondOutput: -1 << (outputBits - 32),
    highMask: DS ? 0x3_ffff : 0xffff,
    topMask: DS ? 0x300 : granule === 16 && oas === 52 ? 0xf000 : 0,
    topShift: DS ? 10 : 4,
    deviceMask: FWB ? 0x10 : 0x30,
    attributes: stage === 1 && !HAD ? TABLE_ATTRIBUTES : 0,
    inputBits,
    outputBits,
    oas,
    DS,
    TBI,
    AFFD,
    HA,
    HD,
    E0PD,
    PTW,
  };
}
