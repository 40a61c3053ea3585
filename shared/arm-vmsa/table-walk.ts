import type { PhysicalMemory } from "../physical-memory/physical-memory.ts";
import { descriptorAddress, descriptorKind, LEAF, leafOffset, levelShift, levelSize, tableIndex } from "./translation-table-descriptor.ts";

const descriptor = new Uint32Array(2);

/**
 * A CPU's walk of one stage: the physical address of `address`, or null for a translation or permission fault.
 * Unlike the SMMU's walker it reports no reason; the access flag is set by the software that builds these tables.
 */
export function walkTable(memory: PhysicalMemory, stage: 1 | 2, root: number, startLevel: number, inputBits: number, address: number, write: boolean): number | null {
  // The index into the start table has more or fewer than 9 bits; one beyond them is an address beyond the input size.
  const first = Math.floor(address / levelSize(startLevel));
  if (root === 0 || address < 0 || first >= 1 << (inputBits - levelShift(startLevel))) return null;
  let slot = root + 8 * first;
  for (let level = startLevel; ; level++) {
    if (!memory.load64(slot, descriptor)) return null;
    const low = descriptor[0];
    const kind = descriptorKind(low, level);
    if (kind === "invalid") return null;
    if (kind === "table") {
      slot = descriptorAddress(low, descriptor[1]) + 8 * tableIndex(address, level + 1);
      continue;
    }
    const allowed = stage === 1 ? !write || (low & LEAF.AP_RDONLY) === 0 : (low & (write ? LEAF.S2AP_WRITE : LEAF.S2AP_READ)) !== 0;
    return allowed ? descriptorAddress(low, descriptor[1], level) + leafOffset(address, level) : null;
  }
}
