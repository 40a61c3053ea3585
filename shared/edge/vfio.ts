import { VFIO_PCI_OFFSET_SHIFT } from "../linux-uapi/vfio.ts";

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

/** A place in a region of an open device. */
export interface RegionPosition {
  fd: number;
  region: number;
  offset: number;
}

/**
 * PostedWrite.address on vfio/v1, a store into a mapped ring. On the wire fd << 48 | region << 40 | offset (interfaces.md, section 1); here
 * fd << 40 | region << 32 | offset, a number that stays exact up to fd 8191. Rings are far below 4 GiB.
 */
export const regionAddress = (fd: number, region: number, offset: number): number => fd * 2 ** 40 + region * 2 ** 32 + offset;
export const regionOfAddress = (address: number): RegionPosition => ({
  fd: Math.floor(address / 2 ** 40),
  region: Math.floor(address / 2 ** 32) % 256,
  offset: address % 2 ** 32,
});

/** The region behind a file offset of `pread`, `pwrite` and `mmap` on a device fd: region << VFIO_PCI_OFFSET_SHIFT | offset. */
export const regionOfFileOffset = (fileOffset: number): Omit<RegionPosition, "fd"> => ({
  region: Math.floor(fileOffset / 2 ** VFIO_PCI_OFFSET_SHIFT),
  offset: fileOffset % 2 ** VFIO_PCI_OFFSET_SHIFT,
});

const FD_LIMIT = 2 ** 13;

/** A region address as 8 little-endian bytes of the wire. */
export function regionAddressToWire(address: number): Uint8Array<ArrayBuffer> {
  const { fd, region, offset } = regionOfAddress(address);
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, offset, true);
  view.setUint32(4, region * 2 ** 8 + fd * 2 ** 16, true);
  return bytes;
}

/** NaN: no 8 bytes, an offset beyond any ring, or an fd beyond any limit. */
export function regionAddressFromWire(bytes: Uint8Array): number {
  if (bytes.length !== 8) return Number.NaN;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const high = view.getUint32(4, true);
  const fd = Math.floor(high / 2 ** 16);
  return high % 2 ** 8 === 0 && fd < FD_LIMIT ? regionAddress(fd, Math.floor(high / 2 ** 8) % 2 ** 8, view.getUint32(0, true)) : Number.NaN;
}
