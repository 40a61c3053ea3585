import { uint32Bytes } from "@faultline/shared/codec/uint64.ts";
import type { Execution } from "@faultline/shared/execution/execution.ts";
import { WaitQueue } from "@faultline/shared/execution/wait-queue.ts";
import {
  IOMMU_FAULT_PAGE_REQ,
  IOMMU_PAGE_RESP_PASID_VALID,
  IOMMU_PAGE_RESP_VERSION_1,
  iommu_fault_event,
  iommu_fault_prm,
  iommu_page_response,
} from "@faultline/shared/linux-uapi/iommu.ts";
import type { AssignedDevice } from "./device.ts";
import { DmaFaultRegion, type PageRequestFault, type UnrecoverableFault } from "./dma-fault-region.ts";
import { DmaFaultResponseRegion } from "./dma-fault-response-region.ts";

const NONE: ReadonlySet<string> = new Set();

export interface FaultHandler {
  pageRequest(fault: PageRequestFault): void;
  unrecoverable(fault: UnrecoverableFault): void;
}

/** The thread that takes faults of one device out of its ring, and the way back for page responses. */
export class FaultRelay {
  readonly #device: AssignedDevice;
  readonly #execution: Execution;
  readonly #handler: FaultHandler;
  readonly #faults = new DmaFaultRegion();
  readonly #responses: DmaFaultResponseRegion;
  readonly #switches: ReadonlySet<string>;
  #running = false;
  readonly #idle = new WaitQueue();

  constructor(device: AssignedDevice, execution: Execution, handler: FaultHandler, switches: ReadonlySet<string> = NONE) {
    this.#device = device;
    this.#execution = execution;
    this.#handler = handler;
    this.#switches = switches;
    this.#responses = new DmaFaultResponseRegion(device, execution, switches);
  }

  get tail(): number {
    return this.#faults.tail;
  }

  /** A store of the host into the fault region. */
  applyWrite(offset: number, data: Uint8Array): void {
    this.#faults.applyWrite(offset, data);
  }

  /** The eventfd was signalled. Signals are not counted against records: the thread drains until head = tail. */
  signalled(): void {
    if (this.#running) return;
    this.#running = true;
    this.#execution.spawn("vfio dma fault", () => this.#drain());
  }

  /** Records that the host stored before a reset of the function are skipped. */
  discard(): void {
    this.#faults.discard();
    this.#writeTail();
  }

  /** Answers a group. `pasid` null: without PASID_VALID. 0, or -EIO when the edge broke. */
  respond(grpid: number, pasid: number | null, code: number): number | Promise<number> {
    const flags = pasid === null ? 0 : IOMMU_PAGE_RESP_PASID_VALID;
    return this.#responses.store(
      iommu_page_response.encode({ argsz: iommu_page_response.sizeBytes, version: IOMMU_PAGE_RESP_VERSION_1, flags, pasid: pasid ?? 0, grpid, code }),
    );
  }

  /** Everything that the host has stored so far is with the handler. */
  async drained(): Promise<void> {
    this.signalled(); // the ring's head may be here before the eventfd
    await this.#idle.until(() => !this.#running);
  }

  async #drain(): Promise<void> {
    const held = this.#execution.point("vmm.fault-relay.before-drain", { endpoint: this.#device.bdf });
    if (held) await held;
    if (this.#switches.has("M-compare-tail")) this.#faults.back();
    for (let record = this.#faults.take(); record; record = this.#faults.take()) {
      if (record[0] === IOMMU_FAULT_PAGE_REQ) this.#handler.pageRequest(iommu_fault_prm.decode(record));
      else this.#handler.unrecoverable(iommu_fault_event.decode(record));
      if (this.#switches.has("M-drain-records")) break;
    }
    this.#writeTail();
    this.#running = false;
    this.#idle.wake();
  }

  /** The ring has room again; nothing waits for the result. */
  #writeTail(): void {
    void this.#device.pwrite(this.#device.facts.faultRegion, 0, uint32Bytes(this.#faults.tail));
  }
}
