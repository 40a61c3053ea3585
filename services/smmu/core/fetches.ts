import type { HardwareFaults } from "@faultline/shared/lab/armed-hardware.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";

/** What is fetched, by its size: 64 bytes are an entry, 8 a level-1 descriptor or a translation table descriptor. */
export type FetchedNames = Readonly<Record<8 | 64, string>>;
export const STREAM_TABLE: FetchedNames = { 64: "STE", 8: "L1STD" };
export const CD_TABLE: FetchedNames = { 64: "CD", 8: "L1CD" };
export const TRANSLATION_TABLE: FetchedNames = { 64: "TTD", 8: "TTD" };

/** Memory as the SMMU's fetches of descriptors see it: the lab can make one abort as if the address were no RAM, or a bit flip in the descriptor before it is read. */
export function fetchesOf(memory: PhysicalMemory, faults: HardwareFaults | undefined, names: FetchedNames): PhysicalMemory {
  if (!faults) return memory;
  const aborts = (address: number, bytes: number): boolean => {
    if (!faults.armed) return false;
    const fields = { what: names[bytes as 8 | 64], address, bytes };
    for (const bit of faults.flips(fields)) {
      const byte = bit < bytes * 8 ? memory.read(address + (bit >> 3), 1) : null;
      if (byte) memory.write(address + (bit >> 3), Uint8Array.of(byte[0] ^ (1 << (bit & 7))));
    }
    return faults.fails("smmu:fetch", "abort", fields);
  };
  return {
    base: memory.base,
    size: memory.size,
    contains: (address, length) => memory.contains(address, length),
    get window() {
      return faults.armed ? undefined : memory.window;
    },
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
