import { FRAME_SIZE, Ram } from "./ram.ts";

/** RAM that a machine has given back. One is enough: machines run one after the other. */
let spare: Ram | null = null;

/** RAM in one ArrayBuffer: for the simulation and for unit tests. `size` in bytes, a multiple of 4096. */
export function heapMemory(base: number, size: number): Ram {
  const found = spare?.base === base && spare.size === size ? spare : null;
  if (!found) return new Ram(base, new Uint8Array(size), new Uint32Array((size / FRAME_SIZE) * 2), true);
  spare = null;
  found.clear();
  return found;
}

/**
 * The machine of this RAM is over: nothing of it loads or stores any more. The next one of its size gets it, zeroed where something was stored: a new one of 48 MiB each time
 * makes the engine collect garbage once per machine, which takes longer than all of the machine's boot.
 */
export function giveBackHeapMemory(memory: Ram): void {
  spare = memory;
}
