import { hex } from "@faultline/shared/codec/uint64.ts";
import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import type { Mm, PresentPage } from "./mm.ts";

/**
 * Removes the mapping that starts at `start`: entries cleared, then every TLB and ATC invalidated through the notifiers, and only then frames freed (flow.md, invalidation path, step 6).
 * 0; -EINVAL: no mapping starts there. Not modelled: unmapping part of a mapping.
 */
export async function munmap(mm: Mm, start: number): Promise<number> {
  const { execution, tracer } = mm.ports;
  return mm.mmap_lock.with(async () => {
    const vma = mm.vmas.find((one) => one.start === start);
    if (!vma) return -EINVAL;
    mm.vmas = mm.vmas.filter((one) => one !== vma);
    const pages: PresentPage[] = [];
    let first = vma.end;
    let last = vma.start;
    for (const [va, page] of mm.present) {
      if (va < vma.start || va >= vma.end) continue;
      pages.push(page);
      mm.present.delete(va);
      mm.pageTable.unmap(va, 4096);
      first = Math.min(first, va);
      last = Math.max(last, va + 4096);
    }
    const ids = { gva: hex(vma.start), pasid: mm.pasid };
    tracer.emit("guest.munmap", { ...ids, asid: mm.asid }, { bytes: vma.end - vma.start, pages: pages.length });
    if (mm.freesBeforeInvalidation) freePages(mm, ids, pages.splice(0));
    const held = execution.point("guest.munmap.before-invalidate", { gva: vma.start, pasid: mm.pasid });
    if (held) await held;
    const ret = last > first ? await mm.notifiers.invalidate_range(first, last) : 0;
    const heldAgain = execution.point("guest.munmap.before-free", { gva: vma.start, pasid: mm.pasid });
    if (heldAgain) await heldAgain;
    // A device may still reach the pages when the invalidation failed (RR-84): they are lost rather than given to another owner.
    if (ret < 0) tracer.emit("guest.frames-lost", ids, { pages: pages.length, ret });
    else freePages(mm, ids, pages);
    return 0;
  });
}

function freePages(mm: Mm, ids: { gva: string; pasid: number }, pages: readonly PresentPage[]): void {
  if (pages.length === 0) return;
  for (const page of pages) mm.putPage(page);
  mm.ports.tracer.emit("guest.frames-freed", ids, { pages: pages.length });
}

/**
 * Drops a user of the address space. After the last one (exit_mmap): the notifiers' release ends every walk of its tables, then pages and tables are freed (flow.md, T2).
 * Its bonds still know it, dying.
 */
export async function mmput(mm: Mm): Promise<void> {
  if (--mm.mm_users > 0) return;
  const { execution, tracer } = mm.ports;
  const { pasid } = mm;
  const held = execution.point("guest.exit.before-release", { pasid });
  if (held) await held;
  if (mm.freesBeforeInvalidation) await freeAll(mm, pasid);
  const ret = await mm.notifiers.release();
  tracer.emit("guest.mm-released", { pasid }, { mm: mm.name, ret });
  const heldAgain = execution.point("guest.exit.before-free", { pasid });
  if (heldAgain) await heldAgain;
  if (!mm.freesBeforeInvalidation) await freeAll(mm, pasid, ret);
}

/** `released` -errno: a device may still walk the tables and reach the pages. All of them are lost rather than given to another owner (RR-84). */
async function freeAll(mm: Mm, pasid: number, released = 0): Promise<void> {
  await mm.mmap_lock.with(() => {
    const pages = [...mm.present.values()];
    mm.present.clear();
    mm.vmas = [];
    mm.ports.alive.alive--;
    if (released < 0) return void mm.ports.tracer.emit("guest.frames-lost", { gva: hex(0), pasid }, { pages: pages.length + mm.pageTable.tableCount, ret: released });
    freePages(mm, { gva: hex(0), pasid }, pages);
    mm.pageTable.free();
  });
}
