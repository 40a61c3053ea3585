import { PAGE_SIZE } from "./frames.ts";
import type { Mm } from "./mm.ts";
import type { Vma } from "./vma.ts";

export interface FaultFlags {
  write: boolean;
}

/** Error bits that make a fault fail; 0: the page is there with the permission asked for. */
export const VM_FAULT_OOM = 1,
  VM_FAULT_SIGBUS = 2;

/**
 * Makes the page of `address` present. The caller holds mmap_lock and has checked the permissions of `vma`.
 * VM_FAULT_OOM: no frame; VM_FAULT_SIGBUS: beyond the end of the file. It sleeps only to copy a page that devices may still read.
 */
export function handle_mm_fault(mm: Mm, vma: Vma, address: number, flags: FaultFlags): number | Promise<number> {
  const va = address - (address & (PAGE_SIZE - 1));
  const there = mm.present.get(va);
  if (there && mm.ports.switches.has("M-spurious-fault"))
    mm.pageTable.unmap(va, PAGE_SIZE); // its frame is nobody's from here on
  else if (there) return flags.write && !mm.pageTable.lookup(va)?.write ? copyOnWrite(mm, vma, va) : 0; // else spurious: another fault of the page came first
  if (vma.file && !flags.write) return mapFilePage(mm, vma, va);
  return mapAnonymous(mm, vma, va);
}

function mapFilePage(mm: Mm, vma: Vma, va: number): number {
  const file = vma.file!;
  const index = (va - vma.start + vma.offset) / PAGE_SIZE;
  if (index >= file.pages) return VM_FAULT_SIGBUS;
  const gpa = mm.ports.files.mapPage(file, index);
  if (gpa === null) return VM_FAULT_OOM;
  // Private mapping: read-only until the first write copies it.
  if (mm.pageTable.map(va, gpa, PAGE_SIZE, { read: true, write: false, exec: vma.prot.exec === true }) < 0) {
    mm.ports.files.unmapPage(file, index);
    return VM_FAULT_OOM;
  }
  mm.present.set(va, { kind: "file", gpa, file, index });
  return 0;
}

/** A zeroed frame; in a file mapping with the file's bytes. */
function mapAnonymous(mm: Mm, vma: Vma, va: number): number {
  const index = vma.file ? (va - vma.start + vma.offset) / PAGE_SIZE : 0;
  if (vma.file && index >= vma.file.pages) return VM_FAULT_SIGBUS;
  const gpa = mm.ports.frames.alloc();
  if (gpa === null) return VM_FAULT_OOM;
  if (vma.file) mm.ports.memory.write(gpa, vma.file.readPage(index));
  if (mm.pageTable.map(va, gpa, PAGE_SIZE, { read: true, write: vma.prot.write, exec: vma.prot.exec === true }) < 0) {
    mm.ports.frames.free(gpa);
    return VM_FAULT_OOM;
  }
  mm.present.set(va, { kind: "anonymous", gpa });
  return 0;
}

/** First write to a page of a private file mapping. The old translation must be gone everywhere before the new one is there (ptep_clear_flush_notify). */
async function copyOnWrite(mm: Mm, vma: Vma, va: number): Promise<number> {
  const old = mm.present.get(va)!;
  mm.pageTable.unmap(va, PAGE_SIZE);
  mm.present.delete(va);
  if (mm.freesBeforeInvalidation) mm.putPage(old);
  const ret = await mm.notifiers.invalidate_range(va, va + PAGE_SIZE);
  if ((ret < 0 || mm.unflushed > 0) && !mm.freesBeforeInvalidation)
    mm.kept.push(old); // a device may still read it (RR-84)
  else if (!mm.freesBeforeInvalidation) mm.putPage(old);
  return mapAnonymous(mm, vma, va);
}
