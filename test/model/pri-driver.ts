import type { Request } from "./pri-queue.ts";

export interface CompleteGroup {
  sid: number;
  pasid: number | null;
  prgi: number;
}

/** What software makes of PRI queue records: groups by {function, index}, complete with Last; incomplete ones are dropped when an overflow is acknowledged (smmuv3.md, 6.4). */
export class PriDriver {
  readonly complete: CompleteGroup[] = [];
  readonly #incomplete = new Set<string>();

  see(records: readonly Request[]): void {
    for (const { sid, pasid, prgi, last, read, write } of records) {
      if (last && !read && !write && pasid !== null) continue; // Stop Marker: PRGI is ignored
      if (last) this.complete.push({ sid, pasid, prgi });
      if (last) this.#incomplete.delete(`${sid}/${prgi}`);
      else this.#incomplete.add(`${sid}/${prgi}`);
    }
  }
  /** Returns how many incomplete groups went. */
  dropIncomplete(): number {
    const dropped = this.#incomplete.size;
    this.#incomplete.clear();
    return dropped;
  }
}
