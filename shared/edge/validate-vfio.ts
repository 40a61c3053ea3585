import type { Mismatch } from "./hello.ts";
import type { HostToVmm, VmmToHost } from "./vfio.ts";

/** Longest path, argument and transfer that a system call of this edge has; a wrong fd or command is the host's to refuse, with its errno. */
const PATH_MAX = 4096;
const TRANSFER_MAX = 2 ** 20;

/** What the types of vfio/v1 leave open. */
export function validateVfio(body: VmmToHost | HostToVmm): Mismatch | null {
  if (body.kind === "open" && (body.path.length === 0 || body.path.length > PATH_MAX)) return { field: "open.path", reason: `must have 1 to ${PATH_MAX} characters` };
  if (body.kind === "ioctl" && body.arg.length > TRANSFER_MAX) return { field: "ioctl.arg", reason: `must be at most ${TRANSFER_MAX} bytes` };
  if (body.kind === "pread" && body.length > TRANSFER_MAX) return { field: "pread.length", reason: `must be at most ${TRANSFER_MAX}` };
  if (body.kind === "pwrite" && body.data.length > TRANSFER_MAX) return { field: "pwrite.data", reason: `must be at most ${TRANSFER_MAX} bytes` };
  return null;
}
