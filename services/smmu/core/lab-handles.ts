import type { HardwareHandles } from "@faultline/shared/lab/armed-hardware.ts";
import type { PhysicalMemory } from "@faultline/shared/physical-memory/physical-memory.ts";
import type { Atc } from "./endpoint/atc.ts";
import type { Hardware } from "./hardware.ts";

/** What happens to hardware by itself, for rules of the lab: a bit of RAM flips, a function misbehaves, a link goes down. */
export function hardwareHandles(hardware: Hardware, memory: PhysicalMemory): HardwareHandles {
  return {
    flip(address, bit) {
      const byte = memory.read(address, 1);
      return byte !== null && memory.write(address, Uint8Array.of(byte[0] ^ (1 << bit)));
    },
    rogue: (sid, address, write) => hardware.rogue(sid, address, write),
    evict(cache) {
      if (typeof cache === "string") {
        hardware.smmu.evict(cache);
        return true;
      }
      const fn = hardware.functions.get(cache.sid);
      const atc = fn && "atc" in fn ? (fn.atc as Atc) : null;
      atc?.clear();
      return atc !== null;
    },
    link: (sid, up) => hardware.link(sid, up ? "up" : "down"),
  };
}
