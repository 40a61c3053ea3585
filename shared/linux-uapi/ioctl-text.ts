import { hex } from "../codec/uint64.ts";
import { invalidateUnion, structsOf } from "./ioctl-structs.ts";
import { iommu_cache_invalidate_info } from "./iommu.ts";
import { KVM_CREATE_VM, KVM_SET_USER_MEMORY_REGION } from "./kvm.ts";
import * as vfio from "./vfio.ts";

const names: Record<number, string> = { ...vfio.vfioCommandNames, [KVM_CREATE_VM]: "KVM_CREATE_VM", [KVM_SET_USER_MEMORY_REGION]: "KVM_SET_USER_MEMORY_REGION" };
const GRANULARITY = "granularity";
/** Addresses, masks and flags are easier to read in hex. */
const HEX = /flags|addr|iova|size|ptr|gpa|offset|mask|cap/;

/** The name of an ioctl, or its number in hex. */
export const ioctlName = (cmd: number): string => names[cmd] ?? hex(cmd);

/** The argument of an ioctl the way strace prints it: `{argsz=32, flags=0x1}`, a string for a device name, a number for an int. Bytes of no known layout are hex. */
export function ioctlArgument(cmd: number, bytes: Uint8Array): string {
  if (cmd === vfio.VFIO_GROUP_GET_DEVICE_FD) {
    const end = bytes.indexOf(0);
    return JSON.stringify(String.fromCharCode(...bytes.subarray(0, end < 0 ? bytes.length : end)));
  }
  const structs = [...(structsOf[cmd] ?? [])];
  if (structs.length === 0) return bytes.length === 0 ? "0" : bytes.length === 4 ? String(new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true)) : raw(bytes);
  const parts: string[] = [];
  let at = 0;
  for (let struct = structs.shift(); struct && at + struct.sizeBytes <= bytes.length; struct = structs.shift()) {
    const fields = struct.decode(bytes.slice(at, at + struct.sizeBytes));
    parts.push(...Object.entries(fields).map(([name, value]) => `${name}=${HEX.test(name) && name !== "argsz" ? hex(value) : value}`));
    at += struct.sizeBytes;
    const union = cmd === vfio.VFIO_IOMMU_CACHE_INVALIDATE ? invalidateUnion[Number(fields[GRANULARITY] ?? 0n)] : undefined;
    if (union && struct === iommu_cache_invalidate_info) structs.push(union);
  }
  if (parts.length === 0) return raw(bytes);
  if (cmd === vfio.VFIO_DEVICE_SET_IRQS && at < bytes.length) parts.push(`data=[${int32s(bytes.subarray(at)).join(", ")}]`);
  return `{${parts.join(", ")}}`;
}

const raw = (bytes: Uint8Array): string =>
  `"${Array.from(bytes.subarray(0, 32), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}"${bytes.length > 32 ? "..." : ""}`;
const int32s = (bytes: Uint8Array): number[] => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => view.getInt32(i * 4, true));
};
