import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createMappedMemory } from "@faultline/shared/physical-memory/mapped.ts";
import { expect, it } from "vitest";

it("a doubleword that another process stores to is never seen in two halves (design.md, section 3)", async () => {
  const directory = mkdtempSync("/dev/shm/faultline-torn-read-");
  const dram = { base: 0x4000_0000, size: 2 ** 21 };
  try {
    const { ram } = createMappedMemory(join(directory, "memory"), dram, { vms: 1 });
    const writer = spawn(
      process.execPath,
      [new URL("../support/torn-writer.ts", import.meta.url).pathname, join(directory, "memory"), String(dram.base), String(dram.size)],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    await once(writer.stdout, "data");

    const out = new Uint32Array(2);
    const seen = { zeros: 0, ones: 0, torn: 0 };
    const deadline = Date.now() + 8_000;
    while ((seen.zeros < 100_000 || seen.ones < 100_000) && Date.now() < deadline) {
      for (let i = 0; i < 10_000; i++) {
        ram.load64(dram.base, out);
        if (out[0] !== out[1]) seen.torn++;
        else if (out[0] === 0) seen.zeros++;
        else seen.ones++;
      }
    }
    writer.stdin.end();
    await once(writer, "exit");

    expect(seen.torn).toBe(0);
    expect(Math.min(seen.zeros, seen.ones)).toBeGreaterThan(0); // both patterns were there: the two processes did share the doubleword
  } finally {
    rmSync(directory, { recursive: true });
  }
});
