import { EFAULT } from "@faultline/shared/linux-uapi/errno.ts";
import type { AddressSpace } from "./address-space.ts";
import { type Frames, PAGE_SIZE } from "./frames.ts";

/** Pins the frames behind [hva, hva + size) and returns their PAs, page by page; -EFAULT, with nothing left pinned, when one is missing or may not be written. */
export function pinUserPages(mm: AddressSpace, frames: Frames, hva: number, size: number, write: boolean): number[] | number {
  const pages: number[] = [];
  for (let done = 0; done < size; done += PAGE_SIZE) {
    const entry = mm.table.lookup(hva + done);
    if (!entry || (write && !entry.write)) {
      unpinUserPages(frames, pages);
      return -EFAULT;
    }
    frames.pin(entry.pa);
    pages.push(entry.pa);
  }
  return pages;
}

export function unpinUserPages(frames: Frames, pages: readonly number[]): void {
  for (const pa of pages) frames.unpin(pa);
}
