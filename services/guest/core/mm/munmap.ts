import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import type { Tracer } from "@faultline/shared/trace/tracer.ts";
import type { Mm, PresentPage } from "./mm.ts";

export interface MunmapPorts {
  execution: Execution;
  tracer: Tracer;
}

/**
 * Removes the mapping that starts at `start`: entries cleared, then every TLB and ATC invalidated through the notifiers, and only then frames freed.
 * -EINVAL: no mapping starts there. Not modelled: unmapping part of a mapping.
 */
export async function munmap(mm: Mm, start: number, ports: MunmapPorts): Promise<number> {
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
    ports.tracer.emit("guest.munmap", { gva: hex(vma.start), pasid: mm.pasid, asid: mm.asid }, { bytes: vma.end - vma.start, pages: pages.length });
    const held = ports.execution.point("guest.munmap.before-invalidate", { gva: vma.start, pasid: mm.pasid });
    if (held) await held;
    const ret = pages.length > 0 ? await mm.notifiers.invalidate_range(first, last) : 0;
    const heldAgain = ports.execution.point("guest.munmap.before-free", { gva: vma.start, pasid: mm.pasid });
    if (heldAgain) await heldAgain;
    // A device may still reach the pages when the invalidation failed (RR-84): they are lost rather than given to another owner.
    if (ret < 0) ports.tracer.emit("guest.frames-lost", { gva: hex(vma.start), pasid: mm.pasid }, { pages: pages.length, ret });
    else for (const page of pages) mm.putPage(page);
    return 0;
  });
}

/** Drops a user of the address space. After the last one: nobody may walk its tables (release), then pages and tables are freed. Its bonds still know it, dying. */
export async function mmput(mm: Mm): Promise<void> {
  if (--mm.mm_users > 0) return;
  await mm.notifiers.release();
  await mm.mmap_lock.with(() => {
    for (const page of mm.present.values()) mm.putPage(page);
    mm.present.clear();
    mm.vmas = [];
    mm.pageTable.free();
  });
}
