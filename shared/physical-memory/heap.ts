import { FRAME_SIZE, Ram } from "./ram.ts";

/** RAM in one ArrayBuffer: for the simulation and for unit tests. `size` in bytes, a multiple of 4096. */
export function heapMemory(base: number, size: number): Ram {
  return new Ram(base, new Uint8Array(size), new Uint32Array((size / FRAME_SIZE) * 2), true);
}
