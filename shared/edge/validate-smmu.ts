import type { Mismatch } from "./hello.ts";
import type { HostToSmmu, SmmuToHost } from "./smmu.ts";

const ACCESS = new Set([1, 2, 4, 8]);

/** What the types of smmu/v1 leave open: sizes of bus accesses. */
export function validateSmmu(body: HostToSmmu | SmmuToHost): Mismatch | null {
  if (body.kind === "mmioRead" && !ACCESS.has(body.size)) return { field: "mmioRead.size", reason: `must be 1, 2, 4 or 8, got ${body.size}` };
  if (body.kind === "mmioWrite" && !ACCESS.has(body.value.length)) return { field: "mmioWrite.value", reason: `must be 1, 2, 4 or 8 bytes, got ${body.value.length}` };
  // PCI Express: a configuration request is at most one doubleword.
  if (body.kind === "configWrite" && (!ACCESS.has(body.value.length) || body.value.length === 8))
    return { field: "configWrite.value", reason: `must be 1, 2 or 4 bytes, got ${body.value.length}` };
  if (body.kind === "mmioReadResult" && !ACCESS.has(body.value.length))
    return { field: "mmioReadResult.value", reason: `must be 1, 2, 4 or 8 bytes, got ${body.value.length}` };
  return null;
}
