import type { PhysicalMemory } from "../physical-memory/physical-memory.ts";
import { descriptorAddress, descriptorKind, LEAF, levelSize, tableIndex } from "./translation-table-descriptor.ts";

const descriptor = new Uint32Array(2);

/**
 * A CPU's walk of one stage: the physical address of `address`, or null for a translation or permission fault.
 * Unlike the SMMU's walker it reports no reason; the access flag is set by the software that builds these tables.
 */
export function walkTable(memory: PhysicalMemory, stage: 1 | 2, root: number, startLevel: number, inputBits: number, address: number, write: boolean): number | null {
  if (root === 0 || address < 0 || address >= 2 ** inputBits) return null;
  let table = root;
  for (let level = startLevel; level <= 3; level++) {
    const bits = level === startLevel ? inputBits - 12 - 9 * (3 - level) : 9;
    if (!memory.load64(table + 8 * tableIndex(address, level, bits), descriptor)) return null;
    const [low, high] = descriptor;
    const kind = descriptorKind(low, level);
    if (kind === "invalid") return null;
    const next = descriptorAddress(low, high, kind === "table" ? 3 : level);
    if (kind === "table") {
      table = next;
      continue;
    }
    const allowed = stage === 1 ? !write || (low & LEAF.AP_RDONLY) === 0 : (low & (write ? LEAF.S2AP_WRITE : LEAF.S2AP_READ)) !== 0;
    return allowed ? next + (address % levelSize(level)) : null;
  }
  return null;
}
