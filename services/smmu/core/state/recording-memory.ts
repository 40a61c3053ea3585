import { hex } from "@faultline/shared/codec/uint64.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";

/** One read of a table: where, and what stood there; or what the hardware would write there. */
export interface TableRead {
  address: number;
  bytes: Uint8Array;
  update?: true;
}

const key = (address: number): number => Math.floor(address / 8);

/**
 * DRAM for a look at tables: records what is read and changes nothing. Hardware updates of descriptors (AF, dirty state) are kept apart and seen by later
 * reads, so that a walk goes on as the real one would.
 */
export function recordingMemory(memory: PhysicalMemory): { memory: PhysicalMemory; reads: TableRead[]; updates: { address: number; value: string }[] } {
  const changed = new Map<number, Uint8Array<ArrayBuffer>>();
  const reads: TableRead[] = [];
  const updates: { address: number; value: string }[] = [];
  const load = (address: number): Uint8Array | null => changed.get(key(address)) ?? memory.read(address, 8);
  const view: PhysicalMemory = {
    base: memory.base,
    size: memory.size,
    contains: (address, length) => memory.contains(address, length),
    load64(address, out) {
      const bytes = load(address);
      if (!bytes) return false;
      const words = new DataView(bytes.buffer, bytes.byteOffset, 8);
      out[0] = words.getUint32(0, true);
      out[1] = words.getUint32(4, true);
      reads.push({ address, bytes });
      return true;
    },
    read(address, length) {
      const bytes = memory.read(address, length);
      if (bytes) reads.push({ address, bytes });
      return bytes;
    },
    compareExchange64(address, _expectedLow, _expectedHigh, low, high) {
      if (!memory.contains(address, 8)) return null;
      const bytes = new Uint8Array(8);
      const words = new DataView(bytes.buffer);
      words.setUint32(0, low, true);
      words.setUint32(4, high, true);
      changed.set(key(address), bytes);
      reads.push({ address, bytes, update: true });
      updates.push({ address, value: hex(words.getBigUint64(0, true)) });
      return true;
    },
    load32: (address) => memory.load32(address),
    store64: () => false,
    store32: () => false,
    write: () => false,
    owner: (address) => memory.owner(address),
    setOwner: () => {},
  };
  return { memory: view, reads, updates };
}
