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
    // A device may still reach the pages when the invalidation failed, or that of a bond at its unbind (RR-84): they are kept rather than given to another owner.
    if (ret < 0 || mm.unflushed > 0) keepPages(mm, ids, pages, ret);
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

function keepPages(mm: Mm, ids: { gva: string; pasid: number }, pages: readonly PresentPage[], ret: number): void {
  mm.kept.push(...pages);
  mm.ports.tracer.emit("guest.frames-kept", ids, { pages: pages.length, ret });
}

/** `released` -errno: a device may still walk the tables and reach the pages (RR-84). Then, and when a bond was not flushed at its unbind, all of them are kept. */
async function freeAll(mm: Mm, pasid: number, released = 0): Promise<void> {
  await mm.mmap_lock.with(() => {
    const pages = [...mm.present.values()];
    mm.present.clear();
    mm.vmas = [];
    mm.ports.alive.alive--;
    mm.tablesKept = true;
    if (released < 0 || mm.unflushed > 0) return keepPages(mm, { gva: hex(0), pasid }, pages, released);
    mm.kept.push(...pages);
    giveBack(mm, pasid);
  });
}

function giveBack(mm: Mm, pasid: number): void {
  mm.tablesKept = false;
  freePages(mm, { gva: hex(0), pasid }, mm.kept.splice(0));
  mm.pageTable.free();
}

/** After a bond was flushed. When the address space is dead and no bond of it is left, nothing leads to it any more: what was kept of it goes back. */
export async function freeKept(mm: Mm, pasid: number): Promise<void> {
  if (!mm.tablesKept || mm.unflushed > 0 || mm.notifiers.count > 0) return;
  await mm.mmap_lock.with(() => giveBack(mm, pasid));
}
