/** vfio/v1: the VMM's system calls and the host's eventfd signals. Results are a value >= 0 or -errno. */
export type VmmToHost =
  /** "/dev/vfio/vfio", "/dev/vfio/N", "/dev/kvm", "eventfd", "anon" is not opened but mmapped with fd -1. Answered by `openResult`. */
  | { kind: "open"; path: string }
  /** `arg`: the uapi struct bytes (argsz and flags included), or 4 bytes for an int argument, or a device name. Answered by `ioctlResult`. */
  | { kind: "ioctl"; fd: number; cmd: number; arg: Uint8Array }
  /** fd -1: anonymous memory, populated. Answered by `mmapResult`. `offset` and `length` in bytes. */
  | { kind: "mmap"; fd: number; offset: number; length: number }
  | { kind: "pread"; fd: number; offset: number; length: number }
  /** With the ring bytes it publishes as posted writes. Answered by `pwriteResult`. */
  | { kind: "pwrite"; fd: number; offset: number; data: Uint8Array }
  | { kind: "close"; fd: number };

export type HostToVmm =
  | { kind: "openResult"; ret: number }
  | { kind: "ioctlResult"; ret: number; arg: Uint8Array }
  | { kind: "mmapResult"; ret: number; hva: number }
  | { kind: "preadResult"; ret: number; data: Uint8Array }
  | { kind: "pwriteResult"; ret: number }
  | { kind: "closeResult"; ret: number }
  /** An eventfd was signalled; the region writes it publishes (fault records, head) travel as posted writes. */
  | { kind: "signal"; fd: number; value: number };

/** PostedWrite.address on vfio/v1. fd < 32, so that the number stays exact. */
export const regionAddress = (fd: number, region: number, offset: number): number => fd * 2 ** 48 + region * 2 ** 40 + offset;
export const regionOfAddress = (address: number): { fd: number; region: number; offset: number } => ({
  fd: Math.floor(address / 2 ** 48),
  region: Math.floor(address / 2 ** 40) % 256,
  offset: address % 2 ** 40,
});
