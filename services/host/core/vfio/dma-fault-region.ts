import { numberOf, uint32Bytes } from "@faultline/shared/codec/uint64.ts";
import type { IommuFault } from "@faultline/shared/linux/report-device-fault.ts";
import { EINVAL, ENOSPC } from "@faultline/shared/linux-uapi/errno.ts";
import { IOMMU_FAULT_PAGE_REQ, iommu_fault_event, iommu_fault_prm } from "@faultline/shared/linux-uapi/iommu.ts";
import { DMA_FAULT_RING, vfio_region_dma_fault } from "@faultline/shared/linux-uapi/vfio.ts";

/** struct iommu_fault of a fault. */
export function encodeFault(fault: IommuFault): Uint8Array<ArrayBuffer> {
  return fault.type === IOMMU_FAULT_PAGE_REQ ? iommu_fault_prm.encode(fault) : iommu_fault_event.encode(fault);
}

/** The DMA_FAULT region: a header page and a ring of 512 records, of which 511 can wait. The VMM has a copy of the ring; what changes travels with the signal. */
export class DmaFaultRegion {
  readonly size = DMA_FAULT_RING.size;
  head = 0;
  tail = 0;
  readonly #ring = new Uint8Array(DMA_FAULT_RING.entries * DMA_FAULT_RING.entrySize);

  /** Copies the record in at `head` and advances it; the index used, or -ENOSPC with nothing stored. */
  store(record: Uint8Array): number {
    const next = (this.head + 1) % DMA_FAULT_RING.entries;
    if (next === this.tail) return -ENOSPC;
    const index = this.head;
    this.#ring.set(record, index * DMA_FAULT_RING.entrySize);
    this.head = next;
    return index;
  }

  /** Offset in the region of a record. */
  recordOffset(index: number): number {
    return DMA_FAULT_RING.offset + index * DMA_FAULT_RING.entrySize;
  }

  /** `head` as it lies in the header. */
  headBytes(): Uint8Array<ArrayBuffer> {
    return uint32Bytes(this.head);
  }

  /** Clipped at the end; -EINVAL beyond it. */
  read(position: number, length: number): Uint8Array | number {
    if (position >= this.size) return -EINVAL;
    const bytes = new Uint8Array(this.size);
    bytes.set(
      vfio_region_dma_fault.encode({
        tail: this.tail,
        entry_size: DMA_FAULT_RING.entrySize,
        nb_entries: DMA_FAULT_RING.entries,
        offset: DMA_FAULT_RING.offset,
        head: this.head,
      }),
    );
    bytes.set(this.#ring, DMA_FAULT_RING.offset);
    return bytes.slice(position, position + length);
  }

  /** Only the 4 bytes of `tail`: anything else, or a tail beyond the ring, is -EINVAL. Returns the bytes written. */
  write(position: number, data: Uint8Array): number {
    if (position !== 0 || data.length !== 4) return -EINVAL;
    const tail = numberOf(data);
    if (tail >= DMA_FAULT_RING.entries) return -EINVAL;
    this.tail = tail;
    return 4;
  }
}
