import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { type Fault, fault, isFault } from "../fault.ts";
import { blockAllowed, levelShift } from "./geometry.ts";
import type { TableAttributes } from "./permissions.ts";

/** One stage's table as the walk needs it. */
export interface StageTable {
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
  /** Access flag: AFFD, HA, HD of the CD or the STE (S2AFFD, S2HA, S2HD). */
  AFFD: boolean;
  HA: boolean;
  HD: boolean;
  /** CD.HADx: hierarchical attributes are ignored. */
  HAD: boolean;
  /** STE.S2PTW: a stage-1 walk or CD fetch that stage 2 maps as Device memory faults. */
  PTW: boolean;
}

/** A leaf found by a walk. The descriptor stays addressable for the hardware's updates of AF and dirty state. */
export interface Leaf {
  /** Output address of the input given to the walk. */
  address: number;
  /** log2 of the region. */
  shift: number;
  low: number;
  high: number;
  /** PA of the descriptor. */
  descriptor: number;
  /** The descriptor's own address before stage 2 (an IPA in nested walks). */
  descriptorInput: number;
  table: TableAttributes;
  level: number;
}

/** Told of every descriptor read: the `walk` command and tests listen. */
export type DescriptorListener = (stage: 1 | 2, level: number, address: number, low: number, high: number) => void;

/** Table descriptors that a walk may start from, and that it leaves behind (16.2). */
export interface WalkPrefixes {
  /** The descriptor of the deepest level that is known: the walk goes on at the next one. */
  longest(t: StageTable): { level: number; next: number; table: TableAttributes } | undefined;
  keep(t: StageTable, level: number, next: number, table: TableAttributes): void;
}

const halves = new Uint32Array(2);
/** Next-table or output address bits of a descriptor; with 64 KiB granules and OAS 52 bits 15:12 are address[51:48]. */
export function outputAddress(low: number, high: number, lowestBit: number, t: StageTable): number {
  const raw = (high & 0xffff) * 2 ** 32 + (low >>> 0);
  const address = raw - (raw % 2 ** lowestBit);
  return t.granule === 16 && t.oas === 52 ? address + ((low >>> 12) & 0xf) * 2 ** 48 : address;
}

/**
 * Walks one stage for `input` (already reduced to the table's input range). `resolve` turns a descriptor address into a PA: identity, or
 * stage 2 in a nested walk, whose fault it returns. Per level: abort, translation, address size (page-tables.md, section 5.3); access flag
 * and permissions are the caller's. F_WALK_EABT, F_TRANSLATION, F_ADDR_SIZE, and whatever `resolve` returns.
 */
export function walkStage(
  memory: PhysicalMemory,
  t: StageTable,
  input: number,
  resolve: (address: number) => number | Fault,
  listen?: DescriptorListener,
  prefixes?: WalkPrefixes,
): Leaf | Fault {
  const known = prefixes?.longest(t);
  const table: TableAttributes = known ? { ...known.table } : { noUser: false, readOnly: false, pxn: false, uxn: false };
  const s2 = t.stage === 2;
  let base = known ? known.next : t.base;
  for (let level = known ? known.level + 1 : t.startLevel; level <= 3; level++) {
    const shift = levelShift(t.granule, level);
    let index: number;
    if (level === t.startLevel) {
      // The first table has as many entries as the input has bits above `shift`, concatenated ones included; its base is aligned to its size.
      const size = Math.max(2 ** (t.inputBits - shift) * 8, t.outputBits === 52 ? 64 : 16);
      base -= base % size;
      index = Math.floor(input / 2 ** shift);
    } else index = Math.floor(input / 2 ** shift) % 2 ** (t.granule - 3);
    const descriptorInput = base + index * 8;
    const descriptor = resolve(descriptorInput);
    if (isFault(descriptor)) return descriptor;
    if (!memory.load64(descriptor, halves)) return fault("F_WALK_EABT", { s2, class: s2 ? 2 : 1, fetchAddr: descriptor });
    const low = halves[0];
    const high = halves[1];
    listen?.(t.stage, level, descriptor, low, high);
    if ((low & 1) === 0) return fault("F_TRANSLATION", { s2 });
    if (level < 3 && (low & 2) !== 0) {
      const next = outputAddress(low, high, t.granule, t);
      if (next >= 2 ** t.outputBits) return fault("F_ADDR_SIZE", { s2 });
      if (!s2 && !t.HAD) {
        if (high & 0x2000_0000) table.noUser = true;
        if (high & 0x4000_0000) table.readOnly = true;
        if (high & 0x0800_0000) table.pxn = true;
        if (high & 0x1000_0000) table.uxn = true;
      }
      prefixes?.keep(t, level, next, table);
      base = next;
      continue;
    }
    if (level < 3 ? !blockAllowed(t.granule, level, t.oas) : (low & 2) === 0) return fault("F_TRANSLATION", { s2 });
    const output = outputAddress(low, high, shift, t);
    if (output >= 2 ** t.outputBits) return fault("F_ADDR_SIZE", { s2 });
    return { address: output + (input % 2 ** shift), shift, low, high, descriptor, descriptorInput, table, level };
  }
  throw new Error(`a walk ended below level 3 (start level ${t.startLevel})`);
}
