import { numberOf, uint32Bytes } from "@faultline/shared/codec/uint64.ts";
import { regionAddress } from "@faultline/shared/edge/vfio.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { EIO } from "@faultline/shared/linux-uapi/errno.ts";
import { DMA_FAULT_RESPONSE_RING } from "@faultline/shared/linux-uapi/vfio.ts";
import type { AssignedDevice } from "./device.ts";

const { entries, entrySize, offset: ringOffset } = DMA_FAULT_RESPONSE_RING;
const TAIL_OFFSET = 16;
const FULL_RETRY_NS = 100_000;

/** The VMM's side of a DMA_FAULT_RESPONSE region: stores responses at head and publishes them by writing it (vfio-uapi.md, 6.2). */
export class DmaFaultResponseRegion {
  readonly #device: AssignedDevice;
  readonly #execution: Execution;
  readonly #switches: ReadonlySet<string>;
  #head = 0;
  #tail = 0;

  constructor(device: AssignedDevice, execution: Execution, switches: ReadonlySet<string>) {
    this.#switches = switches;
    this.#device = device;
    this.#execution = execution;
  }

  /** Stores one struct iommu_page_response; waits for the host's tail while the ring is full. 0 as soon as it is stored and head is on its way; -EIO: the edge broke. */
  store(response: Uint8Array): number | Promise<number> {
    return this.#full ? this.#storeLater(response) : this.#store(response);
  }

  get #full(): boolean {
    return (this.#head + 1) % entries === this.#tail;
  }

  async #storeLater(response: Uint8Array): Promise<number> {
    while (this.#full) {
      if ((await this.#readTail()) < 0) return -EIO;
      if (this.#full) await this.#execution.sleep(FULL_RETRY_NS);
    }
    return this.#store(response);
  }

  #store(response: Uint8Array): number {
    const { fd, responseRegion } = this.#device.facts;
    this.#device.store(regionAddress(fd, responseRegion, ringOffset + this.#head * entrySize), response);
    this.#head = (this.#head + 1) % entries;
    const head = uint32Bytes(this.#head);
    if (this.#switches.has("M-room-for-responses")) this.#device.tryPwrite(responseRegion, 0, head);
    else void this.#device.pwrite(responseRegion, 0, head); // its result tells nothing about the response (RR-61)
    return 0;
  }

  async #readTail(): Promise<number> {
    const bytes = await this.#device.pread(this.#device.facts.responseRegion, TAIL_OFFSET, 4);
    if (typeof bytes === "number") return bytes;
    this.#tail = numberOf(bytes);
    return 0;
  }
}
