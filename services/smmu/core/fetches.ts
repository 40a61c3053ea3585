import type { HardwareFaults } from "@faultline/shared/lab/armed-hardware.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";

/** Memory as the SMMU's fetches of descriptors see it: the lab can make one abort as if the address were no RAM. */
export function fetchesOf(memory: PhysicalMemory, faults: HardwareFaults | undefined): PhysicalMemory {
  if (!faults) return memory;
  const aborts = (address: number, bytes: number) => faults.armed && faults.fails("smmu:fetch", "abort", { address, bytes });
  return {
    base: memory.base,
    size: memory.size,
    contains: (address, length) => memory.contains(address, length),
    load64: (address, out) => !aborts(address, 8) && memory.load64(address, out),
    load64Halves: memory.load64Halves && ((high, low, out) => !aborts(high * 2 ** 32 + (low >>> 0), 8) && memory.load64Halves?.(high, low, out) === true),
    store64: (address, low, high) => memory.store64(address, low, high),
    compareExchange64: (address, expectedLow, expectedHigh, low, high) => memory.compareExchange64(address, expectedLow, expectedHigh, low, high),
    load32: (address) => memory.load32(address),
    store32: (address, value) => memory.store32(address, value),
    read: (address, length) => (aborts(address, length) ? null : memory.read(address, length)),
    write: (address, bytes) => memory.write(address, bytes),
    owner: (address) => memory.owner(address),
    setOwner: (address, kernel, epoch) => memory.setOwner(address, kernel, epoch),
  };
}
