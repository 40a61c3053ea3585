import { ACCELERATOR, MSIX } from "@faultline/shared/accelerator/registers.ts";
import { hex, uint64Bytes } from "@faultline/shared/codec/uint64.ts";
import type { EndpointOptions } from "@faultline/shared/machine/machine.ts";
import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import { PRI } from "@faultline/shared/pcie/capabilities.ts";
import type { MemoryReadCompletion, MemoryWriteOutcome, PasidPrefix, PciFunction, Stalled, TranslationCompletion, Upstream } from "../link.ts";
import { ConfigSpace } from "./config-space.ts";
import { ErrorReporting } from "./error-reporting.ts";
import type { InvalidateRequest } from "./invalidation.ts";
import { MsiX } from "./msi-x.ts";
import type { FunctionPorts } from "./ports.ts";

/** The link has nine bits of PRG index and twenty of PASID: what is above is lost. */
const PRG_INDEXES = 2 ** 9,
  PASIDS = 2 ** 20;
/** Messages of each kind that are kept; when there are so many, half of them go, and the other half is what the largest flood is answered with. */
const KEPT = 8192;

/** Prefix of a scripted request; without `pasid` Priv and Exe are dropped, as on the link (PCIe 6.20). */
export interface ScriptedPrefix {
  pasid?: number;
  priv?: boolean;
  exec?: boolean;
}
type Payload = { write: true; bytes: Uint8Array } | { write: false; length: number };
/** Stalled: look again at `ended`. */
export type DmaOutcome = MemoryReadCompletion | MemoryWriteOutcome | Stalled<MemoryReadCompletion> | Stalled<MemoryWriteOutcome>;
/** "answer": at once; "never"; or some nanoseconds later. */
export type InvalidationPolicy = "answer" | "never" | { afterNs: number };
export interface ScriptedPageRequest extends ScriptedPrefix {
  prgi: number;
  last: boolean;
  read: boolean;
  write: boolean;
  address: bigint;
}
export interface PrgResponse {
  pasid: number | null;
  prgi: number;
  code: number;
  expected: boolean;
}

/**
 * A function that does what a test says, also what PCIe forbids: no ATC, no credits, no check of its enables before it sends (interfaces.md, section 6).
 * Configuration space, MSI-X and the bookkeeping of PRI are those of the accelerator.
 */
export class ScriptedEndpoint implements PciFunction {
  readonly sid: number;
  readonly config: ConfigSpace;
  /** PRG Responses and Invalidate Requests as they arrived, oldest first: of each the newest 4,096 at least, 8,192 at most. */
  readonly responses: PrgResponse[] = [];
  readonly invalidations: InvalidateRequest[] = [];
  /** Older ones, of both kinds, that are kept no more. */
  dropped = 0;
  invalidationPolicy: InvalidationPolicy = "answer";
  readonly #msix: MsiX;
  readonly #errors: ErrorReporting;
  readonly #upstream: Upstream;
  readonly #ports: FunctionPorts;
  /** Requests outstanding in each open group. */
  readonly #groups = new Map<number, number>();
  #up = true;

  constructor(options: EndpointOptions, upstream: Upstream, ports: FunctionPorts) {
    this.sid = options.bdf;
    this.#upstream = upstream;
    this.#ports = ports;
    this.config = new ConfigSpace(
      {
        ...ACCELERATOR,
        deviceId: 0x5a02,
        classCode: 0xff0000,
        msix: MSIX,
        invalidateQueueDepth: options.invalidateQueueDepth,
        capacity: options.credits,
        pasidWidth: 20,
      },
      { functionLevelReset: () => this.flr(), atsDisabled: () => {}, priEnabled: () => {}, priDisabled: () => this.#priDisabled(), priReset: () => this.#closeGroups() },
    );
    this.#errors = new ErrorReporting(this.sid, this.config, ports);
    this.#msix = new MsiX(MSIX.vectors, this.config, upstream);
  }

  /** An untranslated request. UR when the link is down. */
  dma(request: ScriptedPrefix & { iova: bigint } & Payload): DmaOutcome {
    return this.#memory({ ...prefixOf(request), at: "untranslated", address: request.iova }, request);
  }

  /** A translated request to `pa`, whether or not anybody granted it; without PASID. */
  translatedDma(request: { pa: bigint } & Payload): DmaOutcome {
    return this.#memory({ pasid: null, priv: false, exec: false, at: "translated", address: request.pa }, request);
  }

  #memory(tlp: PasidPrefix & { at: "translated" | "untranslated"; address: bigint }, request: Payload): DmaOutcome {
    if (!this.#up) return { status: "UR" };
    return request.write ? this.#upstream.memoryWrite({ ...tlp, exec: false, data: request.bytes }) : this.#upstream.memoryRead({ ...tlp, length: request.length });
  }

  /** An ATS translation request for `count` pages. */
  translate(request: ScriptedPrefix & { address: bigint; count?: number; noWrite?: boolean }): TranslationCompletion {
    if (!this.#up) return { status: "UR" };
    return this.#upstream.translationRequest({ ...prefixOf(request), address: request.address, count: request.count ?? 1, noWrite: request.noWrite ?? false });
  }

  /** One Page Request message. Responses come into `responses`. */
  pageRequest(request: ScriptedPageRequest): void {
    if (!this.#up) return;
    const { last, read, write } = request;
    const prgi = request.prgi % PRG_INDEXES;
    const address = BigInt.asUintN(64, request.address);
    const prefix = prefixOf(request);
    const stopMarker = prefix.pasid !== null && last && !read && !write;
    const ids = { sid: hex(this.sid), pasid: prefix.pasid ?? undefined };
    if (stopMarker) this.#ports.tracer.emit("endpoint.stop-marker", ids);
    else {
      this.#groups.set(prgi, (this.#groups.get(prgi) ?? 0) + 1);
      this.#ports.tracer.emit("endpoint.page-request", { ...ids, grpid: prgi, iova: hex(address) }, { last, read, write });
    }
    this.#upstream.pageRequest({ ...prefix, address, prgi, last, read, write });
  }

  stopMarker({ pasid }: { pasid: number }): void {
    this.pageRequest({ pasid, prgi: 0, last: true, read: false, write: false, address: 0n });
  }

  /** `count` one-page groups, addresses a page apart, PRG indices from `prgi` on. */
  flood({ count, ...first }: Omit<ScriptedPageRequest, "last"> & { count: number }): void {
    for (let n = 0; n < count; n++) this.pageRequest({ ...first, last: true, prgi: first.prgi + n, address: first.address + BigInt(n) * 4096n });
  }

  /** Sends an Invalidate Completion for an ITag, asked for or not. */
  completeInvalidation({ itag, count = 1 }: { itag: number; count?: number }): void {
    if (this.#up) this.#upstream.invalidateCompletion({ itagVector: 2 ** itag, count });
  }

  interrupt(vector: number): void {
    if (this.#up) this.#msix.raise(vector);
  }

  /** Down: the function is reset (PCIe 6.6.1), what is sent either way is lost; requests end as UR, configuration reads give ones. */
  link(state: "up" | "down"): void {
    this.#up = state === "up";
    if (!this.#up) this.#initialise();
  }

  flr(): void {
    this.#ports.tracer.emit("endpoint.flr", { sid: hex(this.sid) });
    this.#initialise("FLR");
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
    return this.#up && this.config.memoryEnabled ? [{ bar: 0, base: this.config.bar0, size: ACCELERATOR.barSize }] : [];
  }
  barRead(_bar: number, offset: number, size: number): Uint8Array {
    const word = (at: number): bigint =>
      BigInt(at >= MSIX.pbaOffset ? this.#msix.readPending(at - MSIX.pbaOffset) : at >= MSIX.tableOffset ? this.#msix.readTable(at - MSIX.tableOffset) : 0);
    return uint64Bytes(word(offset) | (size === 8 ? word(offset + 4) << 32n : 0n)).subarray(0, size);
  }
  barWrite(_bar: number, offset: number, value: Uint8Array): void {
    if (offset < MSIX.tableOffset || offset >= MSIX.pbaOffset || value.length < 4) return;
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    for (let at = 0; at < value.length; at += 4) this.#msix.writeTable(offset - MSIX.tableOffset + at, view.getUint32(at, true));
  }

  memoryRequestRefused(access: { write: boolean; address: number; bytes: number }): boolean {
    if (!this.#up || !this.config.covers(access.address)) return false;
    this.#errors.unsupportedMemoryRequest(access);
    return true;
  }

  invalidateRequest(tlp: InvalidateRequest): "accepted" | "UR" {
    if (!this.#up) return "UR";
    this.#note(this.invalidations, tlp);
    const policy = this.invalidationPolicy;
    if (policy === "answer") this.completeInvalidation(tlp);
    else if (policy !== "never") this.#ports.timer(policy.afterNs, () => this.completeInvalidation(tlp));
    return "accepted";
  }

  prgResponse({ pasid, prgi, code }: { pasid: number | null; prgi: number; code: number }): void {
    if (!this.#up) return;
    const expected = this.#groups.delete(prgi);
    this.#note(this.responses, { pasid, prgi, code, expected });
    this.#ports.tracer.emit("endpoint.prg-response", { sid: hex(this.sid), pasid: pasid ?? undefined, grpid: prgi }, { code, accepted: expected });
    if (!expected) this.config.setPriStatus(PRI.unexpectedPrgIndex, 0);
    else if (code !== PRG_RESPONSE_CODE.Success && code !== PRG_RESPONSE_CODE.InvalidRequest) this.config.setPriStatus(PRI.responseFailure | PRI.stopped, 0);
    else if (!this.config.priEnabled && this.#groups.size === 0) this.config.setPriStatus(PRI.stopped, 0);
  }

  #note<T>(list: T[], message: T): void {
    if (list.length === KEPT) this.dropped += list.splice(0, KEPT / 2).length; // by halves: a shift costs the whole list
    list.push(message);
  }

  #priDisabled(): void {
    this.config.setPriStatus(this.#groups.size === 0 ? PRI.stopped : 0, PRI.stopped);
  }
  #closeGroups(): void {
    for (const grpid of this.#groups.keys()) this.#ports.tracer.emit("endpoint.group-closed", { sid: hex(this.sid), grpid });
    this.#groups.clear();
    this.config.setPriStatus(PRI.stopped, 0);
  }

  /** It does nothing by itself. */
  step(): boolean {
    return false;
  }
  reset(): void {
    this.#initialise();
    this.responses.length = this.invalidations.length = this.dropped = 0;
    this.invalidationPolicy = "answer";
    this.#up = true;
  }
  #initialise(by: "power" | "FLR" = "power"): void {
    this.#closeGroups();
    this.#msix.reset();
    this.config.reset(by);
  }
}

const prefixOf = ({ pasid, priv, exec }: ScriptedPrefix): PasidPrefix =>
  pasid === undefined ? { pasid: null, priv: false, exec: false } : { pasid: pasid % PASIDS, priv: priv ?? false, exec: exec ?? false };
