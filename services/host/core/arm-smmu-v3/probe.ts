import type { Bus } from "../bus.ts";
import { deriveFeatures, REG, registerAddress, type SmmuFeatures } from "./registers.ts";

/** Reads the ID registers and decides what the driver uses; a string is why the hardware is refused. host-driver.md, section 1. */
export async function probe(bus: Bus): Promise<SmmuFeatures | string> {
  const idr0 = await bus.read32(registerAddress(REG.IDR0));
  const idr1 = await bus.read32(registerAddress(REG.IDR1));
  const idr3 = await bus.read32(registerAddress(REG.IDR3));
  const idr5 = await bus.read32(registerAddress(REG.IDR5));
  await bus.read32(registerAddress(REG.IIDR)); // no erratum of this implementation is known
  return bus.broken ? "the hardware is gone" : deriveFeatures(idr0, idr1, idr3, idr5);
}
