import { hex } from "@faultline/shared/codec/uint64.ts";
import type { ImageFile } from "./image-file.ts";
import { type Replayed, Stuck } from "./replay-machine.ts";
import { type Mismatch, stuckAt } from "./replay-vectors.ts";

/** Accesses of one call of the machine. */
const BATCH = 512;

/** Sets the machine up as the image says and asks for every translation. Those that differ or were not answered. Rejects with `Malformed` (in the memory). */
export async function replayImage(machine: Replayed, image: ImageFile): Promise<Mismatch[]> {
  const mismatches: Mismatch[] = [];
  let from = 0;
  try {
    await setUp(machine, image);
    for (; from < image.translations.length; from += BATCH) {
      const batch = image.translations.slice(from, from + BATCH);
      for (const [n, actual] of (await machine.translate(batch)).entries()) {
        const { pa, ...access } = batch[n];
        if (actual !== pa) mismatches.push({ step: from + n, expected: text(pa), actual: text(actual), subject: { kind: "access", ...access } });
      }
    }
  } catch (error) {
    if (!(error instanceof Stuck)) throw error;
    for (let n = from; n < image.translations.length; n++) mismatches.push(stuckAt(n, error));
  }
  return mismatches;
}

async function setUp(machine: Replayed, image: ImageFile): Promise<void> {
  await machine.reset();
  for (const { address, bytes } of image.memory()) await machine.writeMemory(address, bytes);
  for (const { offset, size, value } of image.registers) await machine.write(offset, size, value);
}

const text = (address: number | null): string | null => (address === null ? null : hex(address));
