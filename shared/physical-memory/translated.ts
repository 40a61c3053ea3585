import { walkTable } from "../arm-vmsa/table-walk.ts";
import { stage2Geometry } from "../arm-vmsa/vtcr.ts";
import type { CpuRootTable } from "./cpu-roots.ts";
import type { PhysicalMemory } from "./physical-memory.ts";

const PAGE = 4096;
const OFFSET = PAGE - 1;
const ZERO_FRAME = new Uint8Array(PAGE);

/** Memory behind a translation: every access is split at 4 KiB and each part translated. Null from `translate` is the fault, answered as "not RAM". */
export class TranslatedMemory implements PhysicalMemory {
  readonly base: number;
  readonly size: number;
  readonly #physical: PhysicalMemory;
  readonly #translate: (address: number, write: boolean) => number | null;

  constructor(physical: PhysicalMemory, translate: (address: number, write: boolean) => number | null, base: number, size: number) {
    this.#physical = physical;
    this.#translate = translate;
    this.base = base;
    this.size = size;
  }

  /** Physical parts of [address, address + length), or null when any page of it faults. */
  #parts(address: number, length: number, write: boolean): { pa: number; length: number }[] | null {
    const parts: { pa: number; length: number }[] = [];
    for (let at = address; at < address + length; ) {
      const take = Math.min(PAGE - (at & OFFSET), address + length - at);
      const pa = this.#translate(at, write);
      if (pa === null || !this.#physical.contains(pa, take)) return null;
      parts.push({ pa, length: take });
      at += take;
    }
    return parts;
  }

  contains(address: number, length: number): boolean {
    return this.#parts(address, length, false) !== null;
  }

  load64(address: number, out: Uint32Array): boolean {
    const pa = this.#translate(address, false);
    return pa !== null && this.#physical.load64(pa, out);
  }

  store64(address: number, low: number, high: number): boolean {
    const pa = this.#translate(address, true);
    return pa !== null && this.#physical.store64(pa, low, high);
  }

  compareExchange64(address: number, expectedLow: number, expectedHigh: number, low: number, high: number): boolean | null {
    const pa = this.#translate(address, true);
    return pa === null ? null : this.#physical.compareExchange64(pa, expectedLow, expectedHigh, low, high);
  }

  load32(address: number): number | null {
    const pa = this.#translate(address, false);
    return pa === null ? null : this.#physical.load32(pa);
  }

  store32(address: number, value: number): boolean {
    const pa = this.#translate(address, true);
    return pa !== null && this.#physical.store32(pa, value);
  }

  read(address: number, length: number): Uint8Array<ArrayBuffer> | null {
    if (length > 0 && (address & OFFSET) + length <= PAGE) {
      const pa = this.#translate(address, false);
      return pa === null ? null : this.#physical.read(pa, length);
    }
    const parts = this.#parts(address, length, false);
    if (!parts) return null;
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      const piece = this.#physical.read(part.pa, part.length);
      if (!piece) return null;
      bytes.set(piece, at);
      at += part.length;
    }
    return bytes;
  }

  zeroFrame(address: number): boolean {
    const pa = this.#translate(address, true);
    return pa !== null && (this.#physical.zeroFrame?.(pa) ?? this.#physical.write(pa, ZERO_FRAME));
  }

  write(address: number, bytes: Uint8Array): boolean {
    if ((address & OFFSET) + bytes.length <= PAGE) {
      const pa = bytes.length > 0 ? this.#translate(address, true) : null;
      return bytes.length === 0 || (pa !== null && this.#physical.write(pa, bytes));
    }
    const parts = this.#parts(address, bytes.length, true);
    if (!parts) return false;
    let at = 0;
    for (const part of parts) {
      this.#physical.write(part.pa, bytes.subarray(at, at + part.length));
      at += part.length;
    }
    return true;
  }

  owner(address: number): { host: number; guest: number } {
    const pa = this.#translate(address, false);
    return pa === null ? { host: 0, guest: 0 } : this.#physical.owner(pa);
  }

  setOwner(address: number, kernel: "host" | "guest", epoch: number): void {
    const pa = this.#translate(address, false);
    if (pa !== null) this.#physical.setOwner(pa, kernel, epoch);
  }
}

/** The VMM's user space: addresses are HVAs, walked through the page table that the host's TTBR0 names. */
export function vmmCpuMemory(physical: PhysicalMemory, roots: CpuRootTable, vm: number): TranslatedMemory {
  return new TranslatedMemory(physical, (hva, write) => walkTable(physical, 1, roots.get(vm).ttbr0, 0, 48, hva, write), 0, 2 ** 48);
}

/** A guest CPU with stage 1 off, as its kernel's linear map: addresses are GPAs, walked through the stage 2 that the host's VTTBR names. */
export function guestCpuMemory(physical: PhysicalMemory, roots: CpuRootTable, vm: number, slots: readonly { gpa: number; size: number }[]): TranslatedMemory {
  const base = Math.min(...slots.map((slot) => slot.gpa));
  const end = Math.max(...slots.map((slot) => slot.gpa + slot.size));
  let known = Number.NaN;
  let geometry: ReturnType<typeof stage2Geometry> = null;
  const translate = (gpa: number, write: boolean): number | null => {
    const { vttbr, vtcr } = roots.get(vm);
    if (vtcr !== known) geometry = stage2Geometry((known = vtcr));
    return geometry ? walkTable(physical, 2, vttbr, geometry.startLevel, geometry.inputBits, gpa, write) : null;
  };
  return new TranslatedMemory(physical, translate, base, end - base);
}
