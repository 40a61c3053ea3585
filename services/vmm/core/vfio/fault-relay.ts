import { regionAddress } from "@faultline/shared/edge/vfio.ts";
import { iommu_fault_event, iommu_fault_prm, IOMMU_FAULT_PAGE_REQ, IOMMU_PAGE_RESP_PASID_VALID, IOMMU_PAGE_RESP_VERSION_1, iommu_page_response } from "@faultline/shared/linux-uapi/iommu.ts";
import { DMA_FAULT_RESPONSE_RING, DMA_FAULT_RING } from "@faultline/shared/linux-uapi/vfio.ts";
import { type AssignedDevice, word } from "./device.ts";

export type PageRequestFault = ReturnType<typeof iommu_fault_prm.decode>;
export type UnrecoverableFault = ReturnType<typeof iommu_fault_event.decode>;
/** Tail of the response ring, as the host counts it. */
const TAIL_OFFSET = 16;

/** The VMM's copies of the two rings of a device: what the host stored, and where the VMM stands. */
export class FaultRelay {
  readonly #device: AssignedDevice;
  readonly #ring = new Uint8Array(DMA_FAULT_RING.offset + DMA_FAULT_RING.entries * DMA_FAULT_RING.entrySize);
  #tail = 0;
  #responseHead = 0;
  #responseTail = 0;
  /** Responses that wait for room in the ring, in order. */
  #waiting: Promise<void> | null = null;

  constructor(device: AssignedDevice) {
    this.#device = device;
  }

  /** A store of the host into the fault region. */
  applyWrite(offset: number, data: Uint8Array): void {
    if (offset + data.length <= this.#ring.length) this.#ring.set(data, offset);
  }

  /** Records between tail and head, each given to `fault`; then the new tail is written back once. */
  async drain(fault: { pageRequest(record: PageRequestFault): void; unrecoverable(record: UnrecoverableFault): void }): Promise<void> {
    const view = new DataView(this.#ring.buffer);
    const head = view.getUint32(DMA_FAULT_RING.headOffset, true) % DMA_FAULT_RING.entries;
    if (head === this.#tail) return;
    while (this.#tail !== head) {
      const at = DMA_FAULT_RING.offset + this.#tail * DMA_FAULT_RING.entrySize;
      const record = this.#ring.slice(at, at + DMA_FAULT_RING.entrySize);
      if (record[0] === IOMMU_FAULT_PAGE_REQ) fault.pageRequest(iommu_fault_prm.decode(record));
      else fault.unrecoverable(iommu_fault_event.decode(record));
      this.#tail = (this.#tail + 1) % DMA_FAULT_RING.entries;
    }
    await this.#device.pwrite(this.#device.facts.faultRegion, 0, word(this.#tail));
  }

  /** Stores a page response and publishes it by writing head. Waits for the host's tail when the ring is full. `pasid` null: no PASID_VALID. */
  async respond(grpid: number, pasid: number | null, code: number): Promise<void> {
    const entry = iommu_page_response.encode({
      argsz: iommu_page_response.sizeBytes, version: IOMMU_PAGE_RESP_VERSION_1, flags: pasid === null ? 0 : IOMMU_PAGE_RESP_PASID_VALID, pasid: pasid ?? 0, grpid, code,
    });
    while (this.#full) await (this.#waiting ??= this.#readTail());
    const { fd, responseRegion } = this.#device.facts;
    const { offset, entrySize, entries } = DMA_FAULT_RESPONSE_RING;
    this.#device.store(regionAddress(fd, responseRegion, offset + this.#responseHead * entrySize), entry);
    this.#responseHead = (this.#responseHead + 1) % entries;
    void this.#device.pwrite(responseRegion, 0, word(this.#responseHead));
  }

  get #full(): boolean {
    return (this.#responseHead + 1) % DMA_FAULT_RESPONSE_RING.entries === this.#responseTail;
  }

  async #readTail(): Promise<void> {
    const bytes = await this.#device.pread(this.#device.facts.responseRegion, TAIL_OFFSET, 4);
    if (typeof bytes !== "number") this.#responseTail = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    this.#waiting = null;
  }
}
