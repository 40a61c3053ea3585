import { EINVAL, ENOENT, ENOMEM, EOVERFLOW } from "../linux-uapi/errno.ts";

export const IOMMU_PASID_INVALID = 0xffffffff;

/** The part of an mm that PASID allocation keeps: `pasid` 0 = none. */
export interface PasidOwner {
  pasid: number;
  /** Users of the address space; 0: it is dying. */
  mm_users: number;
}

/** One PASID per address space, shared by all devices (drivers/iommu/iommu-sva-lib.c, v5.12). PASID 0 is never given: entry 0 is non-PASID traffic. */
export class PasidAllocator<Mm extends PasidOwner> {
  readonly #owners = new Map<number, { mm: Mm; references: number }>();

  /** PASIDs in use. */
  get size(): number {
    return this.#owners.size;
  }
  /** For live state. */
  entries(): { pasid: number; mm: Mm; references: number }[] {
    return [...this.#owners].map(([pasid, owner]) => ({ pasid, ...owner }));
  }

  /** 0, with `mm.pasid` set and one reference taken. -EINVAL: bad range (IC-201); -EOVERFLOW: the mm's PASID lies outside it (IC-203); -ENOMEM: none is free (IC-204). */
  iommu_sva_alloc_pasid(mm: Mm, min: number, max: number): number {
    if (min === IOMMU_PASID_INVALID || max === IOMMU_PASID_INVALID || min === 0 || max < min) return -EINVAL;
    if (mm.pasid !== 0) {
      if (mm.pasid < min || mm.pasid > max) return -EOVERFLOW;
      this.#owners.get(mm.pasid)!.references++;
      return 0;
    }
    for (let pasid = min; pasid <= max; pasid++) {
      if (this.#owners.has(pasid)) continue;
      this.#owners.set(pasid, { mm, references: 1 });
      mm.pasid = pasid;
      return 0;
    }
    return -ENOMEM;
  }

  /** Drops a reference; after the last one the PASID can be given again (IC-206). */
  iommu_sva_free_pasid(mm: Mm): void {
    const owner = this.#owners.get(mm.pasid);
    if (owner?.mm !== mm) throw new Error(`PASID ${mm.pasid} does not belong to this mm`);
    if (--owner.references > 0) return;
    this.#owners.delete(mm.pasid);
    mm.pasid = 0;
  }

  /** The mm with one more user, which the caller drops; null: known but dying; -ENOENT: unknown (IC-207). */
  iommu_sva_find(pasid: number): Mm | null | number {
    const owner = this.#owners.get(pasid);
    if (!owner) return -ENOENT;
    if (owner.mm.mm_users === 0) return null;
    owner.mm.mm_users++;
    return owner.mm;
  }
}
