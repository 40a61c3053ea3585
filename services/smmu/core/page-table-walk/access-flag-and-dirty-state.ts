import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { type Fault, fault } from "../fault.ts";
import type { Leaf } from "./leaf.ts";
import type { StageTable } from "./stage-table.ts";

const AF = 0x400;
const DBM = 0x0008_0000; // bit 51, in the upper half

/** DBM with the write permission still clear, and HD in effect: writable, but clean (page-tables.md, section 6). */
export const isWritableClean = (t: StageTable, leaf: Leaf): boolean =>
  t.HA && t.HD && (leaf.high & DBM) !== 0 && (t.stage === 1 ? (leaf.low & 0x80) !== 0 : (leaf.low & 0x80) === 0);

/** AF = 0 without hardware update and without AFFD faults (page-tables.md, section 5.3). */
export const accessFlagFault = (t: StageTable, leaf: Leaf): Fault | null => ((leaf.low & AF) !== 0 || t.HA || t.AFFD ? null : fault("F_ACCESS", { s2: t.stage === 2 }));

/** True when the descriptor must change before the access: AF with HA, dirty state for a write to a writable-clean page. */
export const needsUpdate = (t: StageTable, leaf: Leaf, write: boolean): boolean => t.HA && ((leaf.low & AF) === 0 || (write && isWritableClean(t, leaf)));

/** Sets AF and, for a write, the dirty state, in one compare-and-swap. False: the descriptor changed meanwhile, so walk again. Null: not RAM. */
export function update(memory: PhysicalMemory, t: StageTable, leaf: Leaf, write: boolean): boolean | null {
  let low = leaf.low | AF;
  if (write && isWritableClean(t, leaf)) low = t.stage === 1 ? low & ~0x80 : low | 0x80;
  return memory.compareExchange64(leaf.descriptor, leaf.low >>> 0, leaf.high >>> 0, low >>> 0, leaf.high >>> 0);
}
