import { ACCELERATOR, ERROR_VECTOR, MSIX, QUEUE_BASE, QUEUE_STRIDE, STATUS } from "@faultline/shared/accelerator/registers.ts";
import { hex, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { EndpointOptions } from "@faultline/shared/machine/machine.ts";
import type { PciFunction, Upstream } from "../link.ts";
import { AddressTranslation } from "./address-translation.ts";
import { Atc } from "./atc.ts";
import { ConfigSpace } from "./config-space.ts";
import { ErrorReporting } from "./error-reporting.ts";
import { FunctionRegisters } from "./function-registers.ts";
import { type InvalidateRequest, Invalidation } from "./invalidation.ts";
import { MsiX } from "./msi-x.ts";
import { PageRequestInterface } from "./page-request-interface.ts";
import type { FunctionPorts } from "./ports.ts";
import { Queue } from "./queue.ts";

const QUEUES_END = QUEUE_BASE + QUEUE_STRIDE * ACCELERATOR.queues;

/** The accelerator: configuration space, BAR0, queues, ATC, page requests (shared/accelerator/README.md). */
export class Accelerator implements PciFunction {
  readonly sid: number;
  readonly config: ConfigSpace;
  readonly atc: Atc;
  readonly pages: PageRequestInterface;
  readonly #errors: ErrorReporting;
  readonly #registers: FunctionRegisters;
  readonly #invalidation: Invalidation;
  readonly #msix: MsiX;
  readonly #queues: Queue[];
  readonly #ports: FunctionPorts;
  #turn = 0;
  #up = true;

  constructor(options: EndpointOptions, upstream: Upstream, ports: FunctionPorts) {
    this.sid = options.bdf;
    this.#ports = ports;
    this.config = new ConfigSpace(
      { ...ACCELERATOR, msix: MSIX, invalidateQueueDepth: options.invalidateQueueDepth, capacity: options.credits, pasidWidth: 20 },
      {
        functionLevelReset: () => this.#functionLevelReset(),
        atsDisabled: () => {
          this.atc.clear();
          ports.tracer.emit("endpoint.ats-disabled", { sid: hex(this.sid) });
        },
        priEnabled: () => {},
        priDisabled: () => this.pages.disabled(),
        priReset: () => this.pages.reset(),
      },
    );
    this.#errors = new ErrorReporting(this.sid, this.config, ports);
    this.atc = new Atc(options.atc);
    this.pages = new PageRequestInterface(this.sid, this.config, upstream, ports);
    this.#invalidation = new Invalidation(this.sid, this.atc, upstream, ports);
    this.#msix = new MsiX(MSIX.vectors, this.config, upstream);
    const registers = new FunctionRegisters(options.pagesPerGroup, {
      outstanding: () => this.pages.outstanding,
      reset: () => this.#resetEngine(),
      statusRaised: () => this.#msix.raise(ERROR_VECTOR),
    });
    this.#registers = registers;
    const translation = new AddressTranslation(this.sid, this.atc, this.config, upstream, ports);
    const share = () => this.#share();
    const settings = {
      get pagesPerGroup() {
        return registers.pagesPerGroup;
      },
      get retryLimit() {
        return registers.retryLimit;
      },
      get window() {
        return share();
      },
    };
    const parts = { translation, pages: this.pages, upstream, errors: this.#errors, timer: ports.timer, settings: () => settings };
    this.#queues = Array.from(
      { length: ACCELERATOR.queues },
      (_, index) =>
        new Queue(
          {
            sid: this.sid,
            index,
            engine: ports.engine,
            tracer: ports.tracer,
            enabled: () => registers.enabled,
            raise: (vector) => this.#msix.raise(vector),
            failed: (status, address) => registers.failed(status, address, this.pages.usable),
            ringError: () => registers.raise(STATUS.RING_ERROR),
            stopMarker: (pasid) => options.stopMarker && this.#stopMarker(pasid),
          },
          parts,
        ),
    );
  }

  /** Page requests that one queue may have outstanding: the allocation is divided between the queues in use, so that none takes it all. */
  #share(): number {
    let inUse = 0;
    for (const queue of this.#queues) if (queue.inUse) inUse++;
    return Math.max(1, Math.floor(this.config.allocation / Math.max(1, inUse)));
  }

  /** Down (hot-unplug too): the function loses its power and nothing reaches it; configuration reads give ones. Up: it is there again as after power-on. */
  link(state: "up" | "down"): void {
    this.#up = state === "up";
    if (this.#up) return;
    this.#reset();
    this.#ports.tracer.emit("endpoint.ats-disabled", { sid: hex(this.sid) });
  }

  configRead(offset: number, size: number): number {
    return this.#up ? this.config.read(offset, size) : 2 ** (8 * size) - 1;
  }
  configWrite(offset: number, size: number, value: number): void {
    if (!this.#up) return;
    this.config.write(offset, size, value);
    this.#msix.deliverPending();
  }
  bars() {
    return this.config.memoryEnabled ? [{ bar: 0, base: this.config.bar0, size: ACCELERATOR.barSize }] : [];
  }

  /** Also 1 and 2 bytes: part of a word. */
  barRead(_bar: number, offset: number, size: number): Uint8Array {
    const word = offset - (offset % 4);
    const value = BigInt(this.#read32(word)) | (size === 8 ? BigInt(this.#read32(word + 4)) << 32n : 0n);
    return uint64Bytes(value).subarray(offset % 4, (offset % 4) + size);
  }
  /** Words and doublewords; anything smaller is ignored. */
  barWrite(_bar: number, offset: number, value: Uint8Array): void {
    if (value.length < 4 || offset % 4 !== 0) return;
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    this.#write32(offset, view.getUint32(0, true));
    if (value.length === 8) this.#write32(offset + 4, view.getUint32(4, true));
  }

  #read32(offset: number): number {
    if (offset >= MSIX.pbaOffset) return this.#msix.readPending(offset - MSIX.pbaOffset);
    if (offset >= MSIX.tableOffset) return this.#msix.readTable(offset - MSIX.tableOffset);
    if (offset < QUEUE_BASE) return this.#registers.read32(offset);
    return offset < QUEUES_END ? this.#queueAt(offset).registers.read32((offset - QUEUE_BASE) % QUEUE_STRIDE) : 0;
  }
  #write32(offset: number, value: number): void {
    if (offset >= MSIX.pbaOffset) return; // the PBA is RO
    if (offset >= MSIX.tableOffset) this.#msix.writeTable(offset - MSIX.tableOffset, value);
    else if (offset < QUEUE_BASE) this.#registers.write32(offset, value);
    else if (offset < QUEUES_END) this.#queueAt(offset).registers.write32((offset - QUEUE_BASE) % QUEUE_STRIDE, value);
  }
  #queueAt(offset: number): Queue {
    return this.#queues[Math.floor((offset - QUEUE_BASE) / QUEUE_STRIDE)];
  }

  memoryRequestRefused(access: { write: boolean; address: number; bytes: number }): boolean {
    if (!this.#up || !this.config.covers(access.address)) return false;
    this.#errors.unsupportedMemoryRequest(access);
    return true;
  }

  /** UR: ATS is disabled, or the link is down; then nothing is cached. */
  invalidateRequest(tlp: InvalidateRequest): "accepted" | "UR" {
    if (this.config.atsEnabled) this.#invalidation.request(tlp);
    else if (this.#up) this.#errors.unsupportedInvalidateRequest(tlp);
    return this.config.atsEnabled ? "accepted" : "UR";
  }
  prgResponse(tlp: { pasid: number | null; prgi: number; code: number }): void {
    if (this.#up) this.pages.response(tlp);
  }

  /** One TLP, or one change of state: completions of invalidations, then page requests, then the queues in turn. */
  step(): boolean {
    if (this.#invalidation.step() || this.pages.step() || this.#errors.step()) return true;
    const queues = this.#queues;
    for (let n = 0, index = this.#turn; n < queues.length; n++) {
      const next = index + 1 < queues.length ? index + 1 : 0;
      if (queues[index].step()) {
        this.#turn = next;
        return true;
      }
      index = next;
    }
    return false;
  }

  #stopMarker(pasid: number | null): boolean {
    if (pasid === null || !this.pages.usable || this.#queues.some((queue) => queue.inUse && queue.registers.pasid === pasid)) return false;
    this.pages.stopMarker(pasid);
    return true;
  }

  /** CTRL.RESET: the engine, not the PCI function. Page requests stay outstanding until they are answered. */
  #resetEngine(): void {
    this.#registers.reset();
    for (const queue of this.#queues) queue.reset();
  }

  /** FLR (PCIe 6.6.2): everything goes back to its initial state, ATC included; open groups are closed. */
  #functionLevelReset(): void {
    this.#ports.tracer.emit("endpoint.flr", { sid: hex(this.sid) });
    this.#reset("FLR");
  }

  reset(): void {
    this.#up = true;
    this.#reset();
  }

  #reset(by: "power" | "FLR" = "power"): void {
    this.#resetEngine();
    this.#errors.reset();
    this.pages.reset();
    this.#invalidation.reset();
    this.atc.clear();
    this.#msix.reset();
    this.config.reset(by);
    this.#turn = 0;
  }
}
