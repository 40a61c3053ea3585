import type { iommu_fault_event, iommu_fault_prm } from "@faultline/shared/linux-uapi/iommu.ts";
import { DMA_FAULT_RING } from "@faultline/shared/linux-uapi/vfio.ts";

export type PageRequestFault = ReturnType<typeof iommu_fault_prm.decode>;
export type UnrecoverableFault = ReturnType<typeof iommu_fault_event.decode>;

const { entries, entrySize, offset: ringOffset, headOffset } = DMA_FAULT_RING;

/** The VMM's copy of a DMA_FAULT region: what the host stored, and where the VMM stands (vfio-uapi.md, 6.1). */
export class DmaFaultRegion {
  readonly #bytes = new Uint8Array(DMA_FAULT_RING.size);
  readonly #view = new DataView(this.#bytes.buffer);
  /** Next record to take. */
  tail = 0;

  /** A store of the host into the mapped region. */
  applyWrite(offset: number, data: Uint8Array): void {
    if (offset + data.length <= this.#bytes.length) this.#bytes.set(data, offset);
  }

  get #head(): number {
    return this.#view.getUint32(headOffset, true) % entries;
  }

  /** The 64 bytes of the next record, a copy; null when the ring is empty. */
  take(): Uint8Array | null {
    if (this.#head === this.tail) return null;
    const at = ringOffset + this.tail * entrySize;
    this.tail = (this.tail + 1) % entries;
    return this.#bytes.slice(at, at + entrySize);
  }

  /** M-compare-tail: the record before tail is there once more. */
  back(): void {
    if (this.#head === this.tail) this.tail = (this.tail + entries - 1) % entries;
  }

  /** Skips every record: of before a reset of the function, nobody waits for them. */
  discard(): void {
    this.tail = this.#head;
  }
}
