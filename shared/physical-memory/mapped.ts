import { closeSync, constants, existsSync, openSync, rmSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import koffi from "koffi";
import type { CpuRoots, CpuRootTable } from "./cpu-roots.ts";
import { FRAME_SIZE, Ram } from "./ram.ts";

/*
 * The memory file (interfaces.md, section 4), every number little-endian:
 *   page 0   +0x00 magic  +0x08 u32 version  +0x0c u32 VMs  +0x10 u64 RAM bytes  +0x18 u64 file offset of RAM  +0x20 u64 event counter  +0x28 u64 PA of RAM
 *            +0x100 + 0x20 * vm: u64 TTBR0 of the VMM, u64 VTTBR, u64 VTCR, u64 0
 *   page 1   owner table, 8 bytes per 4 KiB frame: u32 host epoch, u32 guest epoch
 *   2 MiB    RAM
 */
const MAGIC = new TextEncoder().encode("FLTLINE1");
const VERSION = 1;
const HEADER = 4096;
const ALIGNMENT = 2 ** 21;
const COUNTER = 0x20 / 8;
const ROOTS = 0x100;
const ROOTS_STRIDE = 0x20;
/** VMs whose roots fit into the header page. */
const MAX_VMS = (HEADER - ROOTS) / ROOTS_STRIDE;
const ENOSPC = 28;

const libc = koffi.load(null);
const posix_fallocate = libc.func("int posix_fallocate(int fd, int64_t offset, int64_t length)");
const mmap = libc.func("void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)");
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 2n ** 64n - 1n;

/** What keeps a memory file from being there: for people, with the size that is needed. */
export class MemoryFileError extends Error {}

export interface MappedMemory {
  readonly path: string;
  readonly ram: Ram;
  readonly roots: CpuRootTable;
  /** The next number of the run's total order of trace events. */
  nextEvent(): number;
}

const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
const ramOffset = (size: number): number => Math.ceil((HEADER + (size / FRAME_SIZE) * 8) / ALIGNMENT) * ALIGNMENT;

/** Size of the memory file of a machine with `size` bytes of RAM. */
export const memoryFileBytes = (size: number): number => ramOffset(size) + size;

/**
 * Makes the memory file, allocated up front so that a file system that is too small is an error here and never a SIGBUS later. `keep`: a file that fits is
 * taken over as it is. Throws `MemoryFileError`.
 */
export function createMappedMemory(path: string, dram: { base: number; size: number }, options: { vms: number; keep?: boolean }): MappedMemory {
  if (options.vms > MAX_VMS) throw new MemoryFileError(`the memory file has room for the roots of ${MAX_VMS} VMs, the machine has ${options.vms}`);
  const bytes = memoryFileBytes(dram.size);
  if (options.keep && existsSync(path) && statSync(path).size === bytes) {
    const kept = openMappedMemory(path, dram);
    for (let vm = 0; vm < options.vms; vm++) kept.roots.set(vm, { ttbr0: 0, vttbr: 0, vtcr: 0 }); // RAM survives, the CPUs start anew
    return kept;
  }
  rmSync(path, { force: true });
  const fd = openFile(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
  try {
    const error = posix_fallocate(fd, 0, bytes) as number;
    if (error) throw new MemoryFileError(error === ENOSPC ? tooSmall(path, bytes) : `${path}: posix_fallocate failed with errno ${error}`);
    const file = map(fd, bytes, path);
    const header = new DataView(file);
    header.setUint32(0x08, VERSION, true);
    header.setUint32(0x0c, options.vms, true);
    header.setBigUint64(0x10, BigInt(dram.size), true);
    header.setBigUint64(0x18, BigInt(ramOffset(dram.size)), true);
    header.setBigUint64(0x28, BigInt(dram.base), true);
    new Uint8Array(file).set(MAGIC); // last: a file with the magic is whole
    return new Mapping(path, file, dram);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Maps the memory file that smmu made. Throws `MemoryFileError` when it is not that of this machine. */
export function openMappedMemory(path: string, dram: { base: number; size: number }): MappedMemory {
  const fd = openFile(path, constants.O_RDWR);
  try {
    const bytes = memoryFileBytes(dram.size);
    const found = statSync(path).size;
    if (found !== bytes) throw new MemoryFileError(`${path} has ${found} bytes, this machine's memory file ${bytes}`);
    const file = map(fd, bytes, path);
    const header = new DataView(file);
    if (!MAGIC.every((byte, i) => header.getUint8(i) === byte)) throw new MemoryFileError(`${path} is no memory file: it does not begin with FLTLINE1`);
    const version = header.getUint32(0x08, true);
    if (version !== VERSION) throw new MemoryFileError(`${path} has version ${version}, this program version ${VERSION}`);
    const [size, base] = [Number(header.getBigUint64(0x10, true)), Number(header.getBigUint64(0x28, true))];
    if (size !== dram.size || base !== dram.base)
      throw new MemoryFileError(`${path} holds ${mib(size)} of RAM at 0x${base.toString(16)}, this machine has ${mib(dram.size)} at 0x${dram.base.toString(16)}`);
    return new Mapping(path, file, dram);
  } finally {
    closeSync(fd);
  }
}

function openFile(path: string, flags: number): number {
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    throw new MemoryFileError(`cannot open the memory file: ${(error as Error).message}`);
  }
}

/** Maps a file whole and for the life of the process: it is never unmapped and never truncated. */
function map(fd: number, bytes: number, path: string): ArrayBuffer {
  const address = mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  if (address === null || koffi.address(address) === MAP_FAILED) throw new MemoryFileError(`${path}: mmap of ${mib(bytes)} failed`);
  return koffi.view(address, bytes);
}

function tooSmall(path: string, bytes: number): string {
  const directory = dirname(path);
  const { bavail, bsize } = statfsSync(directory);
  return `${directory} has no room for the machine's memory: ${mib(bytes)} needed (${bytes} bytes), ${mib(bavail * bsize)} free; enlarge it (docker run --shm-size, mount -o remount,size=) or make dram.size smaller`;
}

class Mapping implements MappedMemory, CpuRootTable {
  readonly path: string;
  readonly ram: Ram;
  readonly roots: CpuRootTable = this;
  readonly #counter: BigUint64Array;
  readonly #roots: BigUint64Array;
  readonly #scratch64 = new BigUint64Array(1);
  readonly #scratch32 = new Uint32Array(this.#scratch64.buffer);

  constructor(path: string, file: ArrayBuffer, dram: { base: number; size: number }) {
    this.path = path;
    this.ram = new Ram(dram.base, new Uint8Array(file, ramOffset(dram.size), dram.size), new Uint32Array(file, HEADER, (dram.size / FRAME_SIZE) * 2));
    this.#counter = new BigUint64Array(file, 0, HEADER / 8);
    this.#roots = new BigUint64Array(file, ROOTS, (HEADER - ROOTS) / 8);
  }

  nextEvent(): number {
    return Number(Atomics.add(this.#counter, COUNTER, 1n)) + 1;
  }

  get(vm: number): CpuRoots {
    const at = vm * (ROOTS_STRIDE / 8);
    return { ttbr0: this.#load(at), vttbr: this.#load(at + 1), vtcr: this.#load(at + 2) };
  }

  set(vm: number, { ttbr0, vttbr, vtcr }: CpuRoots): void {
    const at = vm * (ROOTS_STRIDE / 8);
    this.#roots[at + 2] = BigInt(vtcr); // before the table that it describes
    this.#roots[at + 1] = BigInt(vttbr);
    this.#roots[at] = BigInt(ttbr0);
  }

  /** One 8-byte load, as a number. */
  #load(index: number): number {
    this.#scratch64[0] = this.#roots[index];
    return this.#scratch32[1] * 2 ** 32 + this.#scratch32[0];
  }
}
