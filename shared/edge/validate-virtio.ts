import type { Mismatch } from "./hello.ts";
import type { GuestToVmm, VmmToGuest } from "./virtio.ts";

const ACCESS = new Set([1, 2, 4, 8]);
const SPACE = /^(config|bar[0-5])$/;
const CONFIG_MAX = 4096;

/** What the types of virtio/v1 leave open. A queue or head that does not exist is the device's to ignore. */
export function validateVirtio(body: GuestToVmm | VmmToGuest): Mismatch | null {
  switch (body.kind) {
    case "setFeatures":
    case "features":
      return body.features.length === 8 ? null : { field: `${body.kind}.features`, reason: `must be 8 bytes, got ${body.features.length}` };
    case "readConfig":
      return body.length <= CONFIG_MAX ? null : { field: "readConfig.length", reason: `must be at most ${CONFIG_MAX}` };
    case "pciRead":
      if (!SPACE.test(body.space)) return { field: "pciRead.space", reason: `must be config or bar0 to bar5, got ${body.space}` };
      return ACCESS.has(body.size) ? null : { field: "pciRead.size", reason: `must be 1, 2, 4 or 8, got ${body.size}` };
    case "pciWrite":
      if (!SPACE.test(body.space)) return { field: "pciWrite.space", reason: `must be config or bar0 to bar5, got ${body.space}` };
      return ACCESS.has(body.value.length) ? null : { field: "pciWrite.value", reason: `must be 1, 2, 4 or 8 bytes, got ${body.value.length}` };
    default:
      return null;
  }
}
