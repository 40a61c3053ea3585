import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { AcceleratorEngine } from "@faultline/shared/accelerator/engine.ts";

/** The accelerator's arithmetic, from Node's libraries. */
export const nodeEngine: AcceleratorEngine = {
  sha256() {
    const hash = createHash("sha256");
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
  },
  gzip: (bytes) => gzipSync(bytes),
};
