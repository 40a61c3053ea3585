import { hex } from "@faultline/shared/codec/uint64.ts";
import { AER, AER_CONTROL, CORRECTABLE, UNCORRECTABLE, type UncorrectableError } from "@faultline/shared/pcie/aer.ts";
import { COMMAND, DEVICE_CONTROL, DEVICE_CONTROL_2, DEVICE_STATUS, HEADER, PCIE, STATUS } from "@faultline/shared/pcie/capabilities.ts";
import { completionHeader, invalidateRequestHeader, memoryRequestHeader, pasidPrefix, type TlpHeader } from "@faultline/shared/pcie/tlp-header.ts";
import type { MemoryReadCompletion, Stalled } from "../link.ts";
import { AER_AT, type ConfigSpace, PCIE_AT } from "./config-space.ts";
import type { InvalidateRequest } from "./invalidation.ts";
import type { FunctionPorts } from "./ports.ts";

/** Completion Timeout Value 0: 50 us to 50 ms (PCIe 7.5.3.16). */
const COMPLETION_TIMEOUT_NS = 50_000_000;

interface DetectedError {
  error: UncorrectableError;
  /** The function tells its requester by a completion, or nothing is lost: then it is an Advisory Non-Fatal Error (6.2.3.2.4), unless it is configured as fatal. */
  advisory: boolean;
  /** Of the TLP with the error; a time-out has none. */
  header?: TlpHeader;
  prefix?: number;
}

/**
 * Errors that the function detects, in Device Status and AER (PCIe 6.2). Who receives a bad request tells its own error: a function whose request was completed with UR or CA has Received
 * Master or Target Abort in its Status register (function-header.ts), and nothing here.
 * No root port is modelled: an ERR_ message ends in the trace, and there is no AER interrupt that a kernel could recover from (so no VFIO_PCI_ERR_IRQ).
 * Not met by any flow of this machine: poisoned and malformed TLPs, data link errors, Completer Abort of a function.
 */
export class ErrorReporting {
  readonly #sid: number;
  readonly #config: ConfigSpace;
  readonly #ports: FunctionPorts;
  readonly #late = new Set<Stalled<MemoryReadCompletion>>();

  constructor(sid: number, config: ConfigSpace, ports: FunctionPorts) {
    this.#sid = sid;
    this.#config = config;
    this.#ports = ports;
  }

  /** A CPU's access to memory space that does not decode (Memory Space Enable is 0): a read is completed with UR, a posted write is lost. */
  unsupportedMemoryRequest(access: { write: boolean; address: number; bytes: number }): void {
    this.#detect({ error: "unsupportedRequest", advisory: !access.write, header: memoryRequestHeader(access) });
  }

  /** An Invalidate Request while ATS is disabled (10.3.1). A Linux host sends one to every function: it empties the ATC before it enables ATS. */
  unsupportedInvalidateRequest({ itag, pasid }: InvalidateRequest): void {
    const header = invalidateRequestHeader(this.#sid, itag);
    this.#detect({ error: "unsupportedRequest", advisory: false, header, ...(pasid === null ? {} : { prefix: pasidPrefix(pasid) }) });
  }

  /** Runs `expired` when a read that was just sent may wait no longer (2.8): the SMMU stalls it. Not at all with Completion Timeout Disable. */
  watchCompletion(expired: () => void): void {
    if ((this.#config.read(PCIE_AT + PCIE.deviceControl2, 2) & DEVICE_CONTROL_2.completionTimeoutDisable) === 0) this.#ports.timer(COMPLETION_TIMEOUT_NS, expired);
  }
  /** The read is given up; should its completion still come, nobody waits for it. */
  completionTimeout(request: Stalled<MemoryReadCompletion>): void {
    this.#late.add(request);
    this.#detect({ error: "completionTimeout", advisory: false });
  }

  /** Takes in one completion that nobody waits for any more (6.2.3.2.4.5). False: none came. */
  step(): boolean {
    for (const request of this.#late) {
      if (!request.ended) continue;
      this.#late.delete(request);
      this.#detect({ error: "unexpectedCompletion", advisory: true, header: completionHeader(this.#sid, request.ended) });
      return true;
    }
    return false;
  }

  /** FLR and power-on: completions of before are discarded (6.6.2). */
  reset(): void {
    this.#late.clear();
  }

  /** The flow of figure 6-2: status first, then log, then message. */
  #detect({ error, advisory, header, prefix }: DetectedError): void {
    const config = this.#config;
    const bit = 2 ** UNCORRECTABLE[error];
    const fatal = has(config.read(AER_AT + AER.uncorrectableSeverity, 4), bit);
    const correctable = advisory && !fatal;
    const unsupported = error === "unsupportedRequest";
    const detected = correctable ? DEVICE_STATUS.correctable : fatal ? DEVICE_STATUS.fatal : DEVICE_STATUS.nonFatal;
    this.#set(PCIE_AT + PCIE.deviceStatus, 2, detected | (unsupported ? DEVICE_STATUS.unsupportedRequest : 0));
    if (correctable) this.#set(AER_AT + AER.correctableStatus, 4, CORRECTABLE.advisoryNonFatal);
    // Advisory Non-Fatal Error Mask: nothing more is kept of it.
    const quiet = correctable && has(config.read(AER_AT + AER.correctableMask, 4), CORRECTABLE.advisoryNonFatal);
    const masked = has(config.read(AER_AT + AER.uncorrectableMask, 4), bit);
    if (!quiet) {
      if (!masked) this.#log(UNCORRECTABLE[error], header, prefix);
      this.#set(AER_AT + AER.uncorrectableStatus, 4, bit);
    }
    const message = quiet || (masked && !correctable) ? null : this.#message(correctable ? "correctable" : fatal ? "fatal" : "nonFatal", unsupported);
    this.#ports.tracer.emit("endpoint.error", { sid: hex(this.#sid) }, { error, severity: correctable ? "advisory" : fatal ? "fatal" : "non-fatal", message });
  }

  /** 6.2.4.2: the first error has the log until software clears its status bit. */
  #log(pointer: number, header: TlpHeader = [0, 0, 0, 0], prefix?: number): void {
    const config = this.#config;
    const first = config.read(AER_AT + AER.control, 4) & AER_CONTROL.firstErrorPointer;
    if (has(config.read(AER_AT + AER.uncorrectableStatus, 4), 2 ** first)) return;
    config.store(AER_AT + AER.control, 4, pointer | (prefix === undefined ? 0 : AER_CONTROL.tlpPrefixLogPresent));
    for (const [i, doubleword] of header.entries()) config.store(AER_AT + AER.headerLog + 4 * i, 4, doubleword);
    config.store(AER_AT + AER.tlpPrefixLog, 4, prefix ?? 0);
  }

  /** The ERR_ message that leaves, or null: Device Control, or SERR# Enable for what is not correctable, has to ask for it (6.2.6). */
  #message(severity: "correctable" | "nonFatal" | "fatal", unsupported: boolean): string | null {
    const control = this.#config.read(PCIE_AT + PCIE.deviceControl, 2);
    const serr = severity !== "correctable" && has(this.#config.read(HEADER.command, 2), COMMAND.serr);
    if (unsupported && !serr && !has(control, DEVICE_CONTROL.unsupportedRequest)) return null;
    if (!serr && !has(control, DEVICE_CONTROL[severity])) return null;
    if (serr) this.#set(HEADER.status, 2, STATUS.signaledSystemError);
    return { correctable: "ERR_COR", nonFatal: "ERR_NONFATAL", fatal: "ERR_FATAL" }[severity];
  }

  #set(offset: number, size: 2 | 4, bits: number): void {
    this.#config.store(offset, size, (this.#config.read(offset, size) | bits) >>> 0);
  }
}

const has = (value: number, bits: number): boolean => (value & bits) !== 0;
