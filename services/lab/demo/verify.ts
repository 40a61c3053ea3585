import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { Workload } from "@faultline/shared/linux/workload.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/**
 * Compares what the device wrote with what this machine computes from the same input. `digest` is the hex of the result: the checksum itself,
 * or the sha256 of the output for copy and gzip. `error` says what differs.
 */
export function verify(operation: Workload["operation"], input: Uint8Array, output: Uint8Array): { digest: string; error: string | null } {
  switch (operation) {
    case "sha256":
      return compared(Buffer.from(output).toString("hex"), sha256(input), "sha256");
    case "crc32c":
      return compared(Buffer.from(output).reverse().toString("hex"), crc32c(input).toString(16).padStart(8, "0"), "crc32c");
    case "copy":
      return compared(sha256(output), sha256(input), "sha256 of the copy");
    case "gzip": {
      const unpacked = unpack(output);
      return { digest: sha256(output), error: unpacked && Buffer.from(unpacked).equals(input) ? null : "gunzip of the output is not the input" };
    }
  }
}

const compared = (digest: string, expected: string, what: string) => ({ digest, error: digest === expected ? null : `${what} is ${digest}, expected ${expected}` });

function unpack(bytes: Uint8Array): Uint8Array | null {
  try {
    return gunzipSync(bytes);
  } catch {
    return null;
  }
}

/** CRC-32C (Castagnoli, reflected 0x82f63b78), bit by bit: written apart from the device's. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
