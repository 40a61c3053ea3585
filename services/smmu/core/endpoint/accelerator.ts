import { ACCELERATOR, accelerator as R, CTRL, ERROR_VECTOR, MSIX, QUEUE_BASE, QUEUE_STRIDE, STATUS } from "@faultline/shared/accelerator/registers.ts";
import { COMPLETION_STATUS } from "@faultline/shared/accelerator/completion.ts";
import { hex, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { EndpointOptions } from "@faultline/shared/machine/machine.ts";
import type { PciFunction, Upstream } from "../link.ts";
import { AddressTranslation } from "./address-translation.ts";
import { Atc } from "./atc.ts";
import { ConfigSpace } from "./config-space.ts";
import { MsiX } from "./msi-x.ts";
import { PagedAccess } from "./paged-access.ts";
import { PageRequestInterface } from "./page-request-interface.ts";
import type { FunctionPorts } from "./ports.ts";
import { Queue } from "./queue.ts";

const QUEUES_END = QUEUE_BASE + QUEUE_STRIDE * ACCELERATOR.queues;

/** The accelerator: configuration space, BAR0 registers, queues, ATC, page requests (shared/accelerator; interfaces.md, section 5). */
export class Accelerator implements PciFunction {
  readonly sid: number;
  readonly config: ConfigSpace;
  readonly atc: Atc;
  readonly pages: PageRequestInterface;
  readonly #msix: MsiX;
  readonly #queues: Queue[];
  readonly #ports: FunctionPorts;
  readonly #upstream: Upstream;
  readonly #options: EndpointOptions;
  #ctrl = 0;
  #status = 0;
  #pagesPerGroup: number;
  #retryLimit = 16;
  #faultAddress = 0n;

  constructor(options: EndpointOptions, upstream: Upstream, ports: FunctionPorts) {
    this.sid = options.bdf;
    this.#options = options;
    this.#ports = ports;
    this.#upstream = upstream;
    this.#pagesPerGroup = options.pagesPerGroup;
    this.config = new ConfigSpace(
      {
        ...ACCELERATOR, msix: MSIX, invalidateQueueDepth: options.invalidateQueueDepth, capacity: options.credits, pasidWidth: 20,
      },
      {
        functionLevelReset: () => this.#functionLevelReset(),
        atsDisabled: () => this.atc.clear(),
        priEnabled: () => {},
        priDisabled: () => this.pages.disabled(),
        priReset: () => this.pages.reset(),
      },
    );
    this.atc = new Atc(options.atc);
    this.pages = new PageRequestInterface(this.sid, this.config, upstream, ports);
    this.#msix = new MsiX(MSIX.vectors, this.config, upstream);
    const translation = new AddressTranslation(this.sid, this.atc, this.config, upstream, ports);
    const settings = () => ({ pagesPerGroup: this.#pagesPerGroup, retryLimit: this.#retryLimit });
    const owner = {
      sid: this.sid,
      enabled: () => (this.#ctrl & CTRL.ENABLE) !== 0 && this.config.busMaster,
      raise: (vector: number) => this.#msix.raise(vector),
      failed: (address: bigint, status: number) => this.#failed(address, status),
      ringError: () => this.#error(STATUS.RING_ERROR),
    };
    this.#queues = Array.from({ length: ACCELERATOR.queues }, () => new Queue(owner, new PagedAccess(translation, this.pages, upstream, settings), ports));
  }

  configRead(offset: number, size: number): number {
    return this.config.read(offset, size);
  }
  configWrite(offset: number, size: number, value: number): void {
    this.config.write(offset, size, value);
    this.#msix.deliverPending();
  }
  bars() {
    return this.config.memoryEnabled ? [{ bar: 0, base: this.config.bar0, size: ACCELERATOR.barSize }] : [];
  }

  barRead(_bar: number, offset: number, size: number): Uint8Array {
    const low = this.#read32(offset);
    const value = size === 8 ? (BigInt(this.#read32(offset + 4)) << 32n) | BigInt(low) : BigInt(low);
    return uint64Bytes(value).subarray(0, size);
  }
  barWrite(_bar: number, offset: number, value: Uint8Array): void {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    if (value.length < 4) return; // registers are written as words
    this.#write32(offset, view.getUint32(0, true));
    if (value.length === 8) this.#write32(offset + 4, view.getUint32(4, true));
  }

  #read32(offset: number): number {
    if (offset >= MSIX.pbaOffset) return this.#msix.readPending(offset - MSIX.pbaOffset);
    if (offset >= MSIX.tableOffset) return this.#msix.readTable(offset - MSIX.tableOffset);
    if (offset >= QUEUE_BASE && offset < QUEUES_END) return this.#queues[Math.floor((offset - QUEUE_BASE) / QUEUE_STRIDE)].read((offset - QUEUE_BASE) % QUEUE_STRIDE);
    switch (offset) {
      case R.ID.offset:
        return ACCELERATOR.id;
      case R.CAPS.offset:
        return (ACCELERATOR.queues - 1) | (ACCELERATOR.log2MaxRing << 8) | (ACCELERATOR.highestOperation << 16);
      case R.CTRL.offset:
        return this.#ctrl;
      case R.STATUS.offset:
        return this.#status | (this.pages.usable ? 0 : STATUS.PRI_STOPPED);
      case R.PAGES_PER_GROUP.offset:
        return this.#pagesPerGroup;
      case R.RETRY_LIMIT.offset:
        return this.#retryLimit;
      case R.OUTSTANDING.offset:
        return this.pages.outstanding;
      case R.FAULT_ADDRESS.offset:
        return Number(this.#faultAddress & 0xffffffffn);
      case R.FAULT_ADDRESS.offset + 4:
        return Number(this.#faultAddress >> 32n);
      default:
        return 0;
    }
  }

  #write32(offset: number, value: number): void {
    if (offset >= MSIX.pbaOffset) return;
    if (offset >= MSIX.tableOffset) return this.#msix.writeTable(offset - MSIX.tableOffset, value);
    if (offset >= QUEUE_BASE && offset < QUEUES_END) return this.#queues[Math.floor((offset - QUEUE_BASE) / QUEUE_STRIDE)].write((offset - QUEUE_BASE) % QUEUE_STRIDE, value);
    switch (offset) {
      case R.CTRL.offset:
        if (value & CTRL.RESET) return this.#resetDevice(); // self-clearing
        this.#ctrl = value & CTRL.ENABLE;
        return;
      case R.STATUS.offset:
        this.#status &= ~value;
        return;
      case R.PAGES_PER_GROUP.offset:
        this.#pagesPerGroup = Math.min(Math.max(value, 1), 64);
        return;
      case R.RETRY_LIMIT.offset:
        this.#retryLimit = value;
        return;
    }
  }

  #failed(address: bigint, status: number): void {
    this.#faultAddress = address;
    if (status === COMPLETION_STATUS.RESPONSE_FAILURE) this.#error(STATUS.RESPONSE_FAILURE);
    else if (status === COMPLETION_STATUS.ABORTED) this.#error(STATUS.ATS_ERROR);
  }
  #error(bit: number): void {
    this.#status |= bit;
    this.#msix.raise(ERROR_VECTOR);
  }

  invalidateRequest(tlp: { pasid: number | null; global: boolean; address: bigint; sizeBytes: bigint; itag: number }): "accepted" | "UR" {
    if (!this.config.atsEnabled) return "UR";
    const entries = this.atc.invalidate(tlp.pasid, tlp.global, tlp.address, tlp.sizeBytes);
    if (this.#ports.held("smmu.endpoint.before-invalidate-completion", { sid: hex(this.sid), itag: tlp.itag })) return "accepted";
    this.#ports.tracer.emit("endpoint.invalidated", { sid: hex(this.sid), pasid: tlp.pasid ?? undefined, iova: hex(tlp.address) }, { bytes: hex(tlp.sizeBytes), entries });
    // Translated requests of this model complete at once, so all that used the entries are ahead: one traffic class, one completion.
    this.#upstream.invalidateCompletion({ itagVector: (1 << tlp.itag) >>> 0, count: 1 });
    return "accepted";
  }

  prgResponse(tlp: { pasid: number | null; prgi: number; code: number }): void {
    this.pages.response(tlp);
  }

  step(): boolean {
    let progressed = this.pages.step();
    for (const queue of this.#queues) progressed = queue.step() || progressed;
    return progressed;
  }

  /** CTRL.reset: the engine, not the configuration space. */
  #resetDevice(): void {
    this.#ctrl = 0;
    this.#status = 0;
    this.#faultAddress = 0n;
    this.#retryLimit = 16;
    this.#pagesPerGroup = this.#options.pagesPerGroup;
    this.pages.closeAll("closed");
    for (const queue of this.#queues) queue.reset();
  }

  /** FLR (PCIe 6.6.2): everything goes back to its initial state, ATC included; open groups are closed. */
  #functionLevelReset(): void {
    this.#ports.tracer.emit("endpoint.flr", { sid: hex(this.sid) });
    this.reset();
  }

  reset(): void {
    this.#resetDevice();
    this.atc.clear();
    this.#msix.reset();
    this.config.reset();
  }
}
