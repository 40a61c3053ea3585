import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { AcceleratorEngine } from "@faultline/shared/accelerator/engine.ts";

/** What the accelerator computes with: Node's own libraries. */
export const engine: AcceleratorEngine = {
  sha256() {
    const hash = createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  },
  gzip: (bytes) => new Uint8Array(gzipSync(bytes)),
};
