import { numberOf } from "@faultline/shared/codec/uint64.ts";
import type { PageResponse } from "@faultline/shared/linux/report-device-fault.ts";
import { EINVAL } from "@faultline/shared/linux-uapi/errno.ts";
import { iommu_page_response as response_layout } from "@faultline/shared/linux-uapi/iommu.ts";
import { DMA_FAULT_RESPONSE_RING, vfio_region_dma_fault_response } from "@faultline/shared/linux-uapi/vfio.ts";

const { entries, entrySize, offset } = DMA_FAULT_RESPONSE_RING;

/** The DMA_FAULT_RESPONSE region: the user stores responses in the mapped ring and then writes `head`. */
export class DmaFaultResponseRegion {
  readonly size = DMA_FAULT_RESPONSE_RING.size;
  head = 0;
  tail = 0;
  readonly #ring = new Uint8Array(entries * entrySize);
  /** The response at `tail`, until another one is or something is stored. */
  #copied: PageResponse | null = null;

  /** Stores that came with the VMM's message into its mapping of the ring; the header page is not mapped. */
  applyStore(position: number, data: Uint8Array): void {
    const at = position - offset;
    if (at >= 0 && at + data.length <= this.#ring.length) this.#ring.set(data, at);
    this.#copied = null;
  }

  read(position: number, length: number): Uint8Array | number {
    if (position >= this.size) return -EINVAL;
    const bytes = new Uint8Array(this.size);
    bytes.set(vfio_region_dma_fault_response.encode({ head: this.head, entry_size: entrySize, nb_entries: entries, offset, tail: this.tail }));
    bytes.set(this.#ring, offset);
    return bytes.slice(position, position + length);
  }

  /** Only the 4 bytes of `head`; -EINVAL otherwise. The caller then queues the work item. */
  write(position: number, data: Uint8Array): number {
    if (position !== 0 || data.length !== 4) return -EINVAL;
    const head = numberOf(data);
    if (head >= entries) return -EINVAL;
    this.head = head;
    return 4;
  }

  /** The response at `tail`, copied before it is looked at (RR-61); null when head = tail. */
  peek(): PageResponse | null {
    if (this.head === this.tail) return null;
    this.#copied ??= this.#copy();
    return this.#copied;
  }

  #copy(): PageResponse {
    const fields = response_layout.decode(this.#ring.subarray(this.tail * entrySize, (this.tail + 1) * entrySize));
    return { version: Number(fields.version), flags: Number(fields.flags), pasid: Number(fields.pasid), grpid: Number(fields.grpid), code: Number(fields.code) };
  }

  /** RR-61: the entry at `tail` where it lies. Every look at a member sees what the user has there by then. */
  inPlace(): PageResponse {
    const at = this.tail * entrySize;
    const now = (): ReturnType<typeof response_layout.decode> => response_layout.decode(this.#ring.slice(at, at + entrySize));
    return {
      get version() {
        return Number(now().version);
      },
      get flags() {
        return Number(now().flags);
      },
      get pasid() {
        return Number(now().pasid);
      },
      get grpid() {
        return Number(now().grpid);
      },
      get code() {
        return Number(now().code);
      },
    };
  }

  /** M-compare-head: what was executed last is there once more. */
  back(): void {
    this.tail = (this.tail + entries - 1) % entries;
  }

  advance(): void {
    this.tail = (this.tail + 1) % entries;
    this.#copied = null;
  }
}
