import type { File } from "./file-system.ts";

export interface Protection {
  read: boolean;
  write: boolean;
  exec?: boolean;
}

/** One range of an address space. `end` is exclusive; `offset` is where `start` lies in the file; a file is mapped privately. */
export interface Vma {
  readonly start: number;
  readonly end: number;
  readonly prot: Protection;
  readonly file: File | null;
  readonly offset: number;
  readonly name: string;
}

export const findVma = (vmas: readonly Vma[], address: number): Vma | null => vmas.find((vma) => address >= vma.start && address < vma.end) ?? null;
