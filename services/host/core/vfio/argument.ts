import type { BitStruct, Fields, Layout } from "@faultline/shared/codec/bit-struct.ts";
import { EFAULT, EINVAL } from "@faultline/shared/linux-uapi/errno.ts";

/** What an ioctl returns: a value or -errno, and the argument bytes as the kernel left them. */
export interface IoctlResult {
  ret: number;
  arg: Uint8Array;
}
export const result = (ret: number, arg: Uint8Array = new Uint8Array(0)): IoctlResult => ({ ret, arg });

/** copy_from_user of a structure at `offset`; -EFAULT when the argument ends before it does. */
export function copyFromUser<L extends Layout>(struct: BitStruct<L>, arg: Uint8Array, offset = 0): Fields<L> | number {
  return arg.length < offset + struct.sizeBytes ? -EFAULT : struct.decode(arg.slice(offset, offset + struct.sizeBytes));
}

/** The first rule of every vfio structure: it is readable (-EFAULT) and its argsz covers it (-EINVAL). */
export function vfioArgument<L extends Layout>(struct: BitStruct<L>, arg: Uint8Array, minsz = struct.sizeBytes): Fields<L> | number {
  if (arg.length < minsz) return -EFAULT;
  const bytes = new Uint8Array(struct.sizeBytes);
  bytes.set(arg.subarray(0, struct.sizeBytes));
  const fields = struct.decode(bytes);
  return (fields as Record<string, bigint>).argsz < BigInt(minsz) ? -EINVAL : fields;
}

/** Puts `bytes` over the start of the argument, as copy_to_user does. */
export function copyToUser(arg: Uint8Array, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.max(arg.length, bytes.length));
  out.set(arg);
  out.set(bytes);
  return out;
}
