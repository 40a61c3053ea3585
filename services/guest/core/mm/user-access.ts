import { PAGE_SIZE } from "./frames.ts";
import { handle_mm_fault } from "./handle-mm-fault.ts";
import type { Mm } from "./mm.ts";
import { findVma } from "./vma.ts";

/** The process' own loads: through its page table, faulting pages in. null: SIGSEGV or SIGBUS. */
export async function readUser(mm: Mm, address: number, length: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const take = Math.min(PAGE_SIZE - ((address + at) % PAGE_SIZE), length - at);
    const gpa = await access(mm, address + at, false);
    const piece = gpa === null ? null : mm.ports.memory.read(gpa, take);
    if (!piece) return null;
    bytes.set(piece, at);
    at += take;
  }
  return bytes;
}

/** The process' own stores. False: SIGSEGV or SIGBUS; the pages before the bad one are written. */
export async function writeUser(mm: Mm, address: number, bytes: Uint8Array): Promise<boolean> {
  for (let at = 0; at < bytes.length; ) {
    const take = Math.min(PAGE_SIZE - ((address + at) % PAGE_SIZE), bytes.length - at);
    const gpa = await access(mm, address + at, true);
    if (gpa === null || !mm.ports.memory.write(gpa, bytes.subarray(at, at + take))) return false;
    at += take;
  }
  return true;
}

/** The GPA behind `address` with the right asked for; the CPU's fault handler runs when the walk fails. */
async function access(mm: Mm, address: number, write: boolean): Promise<number | null> {
  for (;;) {
    const entry = mm.pageTable.lookup(address);
    if (entry && (!write || entry.write)) return entry.pa;
    const failed = await mm.mmap_lock.with(async () => {
      const vma = findVma(mm.vmas, address);
      if (!vma || (write ? !vma.prot.write : !vma.prot.read)) return true;
      return (await handle_mm_fault(mm, vma, address, { write })) !== 0;
    });
    if (failed) return null;
  }
}
