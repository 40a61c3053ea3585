import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file of `bytes` reproducible bytes that compress a little, in a directory of its own; `remove` when done. */
export function inputFile(bytes: number): { path: string; sha256: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), "faultline-input-"));
  const path = join(directory, "input.bin");
  const content = Buffer.alloc(bytes);
  let state = 0x2545f491;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    content[i] = i % 64 < 32 ? state >>> 24 : 0x20;
  }
  writeFileSync(path, content);
  return { path, sha256: createHash("sha256").update(content).digest("hex"), remove: () => rmSync(directory, { recursive: true }) };
}
