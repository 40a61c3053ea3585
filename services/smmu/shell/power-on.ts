import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import { SparseMemory } from "@faultline/shared/physical-memory/sparse.ts";
import type { Hardware } from "../core/hardware.ts";

const PIECE_BYTES = 2 ** 20;

/** `reset {}` of interfaces.md, section 6: the hardware as at power-on, RAM zero. Kernels that ran on this RAM have lost it. */
export function powerOn(hardware: Hardware, memory: PhysicalMemory): void {
  hardware.reset();
  if (memory instanceof SparseMemory) return memory.clear();
  const zeros = new Uint8Array(PIECE_BYTES);
  for (let at = 0; at < memory.size; at += PIECE_BYTES) memory.write(memory.base + at, zeros.subarray(0, memory.size - at));
}
