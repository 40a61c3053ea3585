import { AER, CORRECTABLE, CORRECTABLE_BITS, DEFAULT_SEVERITY, UNCORRECTABLE, UNCORRECTABLE_BITS } from "@faultline/shared/pcie/aer.ts";
import {
  ATS,
  CAPABILITY,
  COMMAND,
  DEVICE_CAPABILITIES,
  DEVICE_CAPABILITIES_2,
  DEVICE_CONTROL,
  DEVICE_CONTROL_2,
  DEVICE_STATUS,
  EXTENDED_CAPABILITY,
  HEADER,
  MSIX_CAPABILITY,
  MSIX_CONTROL,
  PASID,
  PCIE,
  PRI,
  STATUS,
} from "@faultline/shared/pcie/capabilities.ts";

/** Where the capabilities stand that errors are told in. */
export const PCIE_AT = 0x40;
export const AER_AT = 0x130;
const MSIX_AT = 0x80;
const PASID_AT = 0x100;
const ATS_AT = 0x110;
const PRI_AT = 0x120;
const CONFIG_BYTES = 4096;

export interface ConfigSpaceOptions {
  vendorId: number;
  deviceId: number;
  classCode: number;
  barSize: number;
  msix: { vectors: number; tableOffset: number; pbaOffset: number };
  invalidateQueueDepth: number;
  capacity: number;
  pasidWidth: number;
}

/** What a write to configuration space means for the function. */
export interface ConfigSpaceEvents {
  functionLevelReset(): void;
  atsDisabled(): void;
  /** Enable 0 -> 1 and 1 -> 0 of PRI, and Reset while disabled. */
  priEnabled(): void;
  priDisabled(): void;
  priReset(): void;
}

/** Type 0 configuration space with PCIe, MSI-X, PASID, ATS, PRI and AER (PCIe 7, 10.5). Registers keep their access rules; what changes is told to the function. */
export class ConfigSpace {
  readonly #bytes = new Uint8Array(CONFIG_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #writable = new Uint8Array(CONFIG_BYTES);
  readonly #writeOneToClear = new Uint8Array(CONFIG_BYTES);
  readonly #o: ConfigSpaceOptions;
  readonly #events: ConfigSpaceEvents;

  constructor(options: ConfigSpaceOptions, events: ConfigSpaceEvents) {
    this.#o = options;
    this.#events = events;
    this.reset();
  }

  /** Power-on; an FLR leaves sticky registers as they are: all of AER (7.4, 6.6.2). */
  reset(by: "power" | "FLR" = "power"): void {
    const sticky = by === "FLR" ? this.#bytes.slice(AER_AT + AER.uncorrectableStatus, AER_AT + AER.sizeBytes) : null;
    const { vendorId, deviceId, classCode, barSize, msix, invalidateQueueDepth, capacity, pasidWidth } = this.#o;
    this.#bytes.fill(0);
    this.#writable.fill(0);
    this.#writeOneToClear.fill(0);
    const set = (offset: number, value: number, size: 2 | 4, writable = 0, writeOneToClear = 0) => {
      for (let i = 0; i < size; i++) {
        this.#bytes[offset + i] = (value >>> (8 * i)) & 0xff;
        this.#writable[offset + i] = (writable >>> (8 * i)) & 0xff;
        this.#writeOneToClear[offset + i] = (writeOneToClear >>> (8 * i)) & 0xff;
      }
    };
    set(HEADER.vendorId, vendorId, 2);
    set(HEADER.deviceId, deviceId, 2);
    set(HEADER.command, 0, 2, COMMAND.memory | COMMAND.busMaster | COMMAND.serr | COMMAND.intxDisable);
    set(HEADER.status, 0x10, 2, 0, STATUS.signaledSystemError); // capabilities list
    set(HEADER.revision, (classCode * 256) >>> 0, 4);
    set(HEADER.bar0, 0x4, 4, ~(barSize - 1) >>> 0); // 64-bit memory, not prefetchable
    set(HEADER.bar0 + 4, 0, 4, 0xffffffff);
    set(HEADER.subsystemVendorId, vendorId, 2);
    set(HEADER.subsystemId, deviceId, 2);
    set(HEADER.capabilities, PCIE_AT, 2);
    set(PCIE_AT, CAPABILITY.PCIe | (MSIX_AT << 8), 2);
    set(PCIE_AT + PCIE.flags, 0x0002, 2); // version 2, endpoint
    set(PCIE_AT + PCIE.deviceCapabilities, DEVICE_CAPABILITIES.roleBasedErrorReporting + DEVICE_CAPABILITIES.functionLevelReset, 4);
    set(PCIE_AT + PCIE.deviceControl, 0, 2, 0x7fff);
    set(PCIE_AT + PCIE.deviceStatus, 0, 2, 0, DEVICE_STATUS.correctable | DEVICE_STATUS.nonFatal | DEVICE_STATUS.fatal | DEVICE_STATUS.unsupportedRequest);
    set(PCIE_AT + PCIE.deviceCapabilities2, DEVICE_CAPABILITIES_2.completionTimeoutDisable | DEVICE_CAPABILITIES_2.endEndTlpPrefix, 4);
    set(PCIE_AT + PCIE.deviceControl2, 0, 2, DEVICE_CONTROL_2.completionTimeoutDisable);
    set(MSIX_AT, CAPABILITY.MSIX, 2);
    set(MSIX_AT + MSIX_CAPABILITY.control, msix.vectors - 1, 2, MSIX_CONTROL.enable | MSIX_CONTROL.functionMask);
    set(MSIX_AT + MSIX_CAPABILITY.table, msix.tableOffset, 4);
    set(MSIX_AT + MSIX_CAPABILITY.pba, msix.pbaOffset, 4);
    const extended = (at: number, id: number, next: number, version = 1) => set(at, (id | (version << 16) | (next << 20)) >>> 0, 4);
    extended(PASID_AT, EXTENDED_CAPABILITY.PASID, ATS_AT);
    set(PASID_AT + PASID.capability, PASID.executeSupported | PASID.privilegedSupported | (pasidWidth << 8), 2);
    set(PASID_AT + PASID.control, 0, 2, PASID.enable | PASID.executeEnable | PASID.privilegedEnable);
    extended(ATS_AT, EXTENDED_CAPABILITY.ATS, PRI_AT);
    set(ATS_AT + ATS.capability, (invalidateQueueDepth % 32) | 0x20 | 0x40, 2); // page aligned requests, global invalidate
    set(ATS_AT + ATS.control, 0, 2, ATS.enable | ATS.smallestTranslationUnit);
    extended(PRI_AT, EXTENDED_CAPABILITY.PRI, AER_AT);
    set(PRI_AT + PRI.control, 0, 2, PRI.enable);
    set(PRI_AT + PRI.status, PRI.stopped | PRI.prgResponsePasidRequired, 2, 0, PRI.responseFailure | PRI.unexpectedPrgIndex);
    set(PRI_AT + PRI.capacity, capacity, 4);
    set(PRI_AT + PRI.allocation, 0, 4, 0xffffffff);
    extended(AER_AT, EXTENDED_CAPABILITY.AER, 0, 2);
    set(AER_AT + AER.uncorrectableStatus, 0, 4, 0, UNCORRECTABLE_BITS);
    set(AER_AT + AER.uncorrectableMask, 0, 4, UNCORRECTABLE_BITS);
    set(AER_AT + AER.uncorrectableSeverity, DEFAULT_SEVERITY, 4, UNCORRECTABLE_BITS);
    set(AER_AT + AER.correctableStatus, 0, 4, 0, CORRECTABLE_BITS);
    set(AER_AT + AER.correctableMask, CORRECTABLE.advisoryNonFatal, 4, CORRECTABLE_BITS);
    if (sticky) this.#bytes.set(sticky, AER_AT + AER.uncorrectableStatus);
  }

  read(offset: number, size: number): number {
    if (size === 4) return this.#view.getUint32(offset & ~3, true);
    return size === 2 ? this.#view.getUint16(offset & ~1, true) : this.#bytes[offset];
  }

  write(offset: number, size: number, value: number): void {
    const pri = this.#pri(offset, size);
    const atsBefore = this.atsEnabled;
    const priBefore = this.priEnabled;
    for (let i = 0; i < size; i++) {
      const byte = (value >>> (8 * i)) & 0xff;
      const at = offset + i;
      if (this.#locked(at)) continue;
      const kept = this.#bytes[at] & ~this.#writable[at];
      this.#bytes[at] = (kept | (byte & this.#writable[at])) & ~(byte & this.#writeOneToClear[at]);
    }
    if (atsBefore && !this.atsEnabled) this.#events.atsDisabled();
    if (!priBefore && this.priEnabled) {
      this.setPriStatus(0, PRI.responseFailure | PRI.unexpectedPrgIndex | PRI.stopped);
      this.#events.priEnabled();
    } else if (priBefore && !this.priEnabled) this.#events.priDisabled();
    // Reset counts while Enable is 0, or is cleared by the same write.
    if (pri !== null && ((value >>> (8 * pri)) & PRI.reset) !== 0 && !this.priEnabled) this.#events.priReset();
    const control = PCIE_AT + PCIE.deviceControl;
    if (offset <= control + 1 && offset + size > control + 1 && ((value >>> (8 * (control + 1 - offset))) & (DEVICE_CONTROL.initiateFunctionLevelReset >>> 8)) !== 0)
      this.#events.functionLevelReset();
  }

  /** Undefined by PCIe, ignored here: the allocation while PRI is enabled (10.5.2.5), the PASID enables while ATS is (7.8.8.3). */
  #locked(at: number): boolean {
    if (at >= PRI_AT + PRI.allocation && at < PRI_AT + PRI.sizeBytes) return this.priEnabled;
    return at >= PASID_AT + PASID.control && at < PASID_AT + PASID.sizeBytes && this.atsEnabled;
  }

  /** Byte distance of PRI control inside the write, or null when it is not covered. */
  #pri(offset: number, size: number): number | null {
    const at = PRI_AT + PRI.control;
    return offset <= at && offset + size > at ? at - offset : null;
  }

  /** What the function itself writes into a register of 2 or 4 bytes. */
  store(offset: number, size: 2 | 4, value: number): void {
    if (size === 4) this.#view.setUint32(offset, value, true);
    else this.#view.setUint16(offset, value, true);
  }
  setPriStatus(set: number, clear: number): void {
    const at = PRI_AT + PRI.status;
    this.#view.setUint16(at, (this.#view.getUint16(at, true) & ~clear) | set, true);
  }
  get priStatus(): number {
    return this.#view.getUint16(PRI_AT + PRI.status, true);
  }
  get priEnabled(): boolean {
    return (this.#bytes[PRI_AT + PRI.control] & PRI.enable) !== 0;
  }
  /** Outstanding Page Request Allocation, at most the capacity. */
  get allocation(): number {
    return Math.min(this.#view.getUint32(PRI_AT + PRI.allocation, true), this.#o.capacity);
  }
  get atsEnabled(): boolean {
    return (this.#view.getUint16(ATS_AT + ATS.control, true) & ATS.enable) !== 0;
  }
  get pasidEnabled(): boolean {
    return (this.#bytes[PASID_AT + PASID.control] & PASID.enable) !== 0;
  }
  get privilegedEnabled(): boolean {
    return this.pasidEnabled && (this.#bytes[PASID_AT + PASID.control] & PASID.privilegedEnable) !== 0;
  }
  get memoryEnabled(): boolean {
    return (this.#bytes[HEADER.command] & COMMAND.memory) !== 0;
  }
  get busMaster(): boolean {
    return (this.#bytes[HEADER.command] & COMMAND.busMaster) !== 0;
  }
  /** Errors whose AER status is set, by the names of shared/pcie/aer.ts. */
  get detectedErrors(): string[] {
    const uncorrectable = this.#view.getUint32(AER_AT + AER.uncorrectableStatus, true);
    const correctable = this.#view.getUint32(AER_AT + AER.correctableStatus, true);
    return [
      ...Object.entries(UNCORRECTABLE).flatMap(([name, bit]) => ((uncorrectable & (2 ** bit)) !== 0 ? [name] : [])),
      ...Object.entries(CORRECTABLE).flatMap(([name, bit]) => ((correctable & bit) !== 0 ? [name] : [])),
    ];
  }
  /** The memory space that BAR 0 was given, whether or not it decodes now. */
  covers(address: number): boolean {
    const { bar0 } = this;
    return bar0 !== 0 && address >= bar0 && address < bar0 + this.#o.barSize;
  }
  /** MSI-X Enable with Function Mask clear. */
  get msixDelivers(): boolean {
    const control = this.#view.getUint16(MSIX_AT + MSIX_CAPABILITY.control, true);
    return (control & MSIX_CONTROL.enable) !== 0 && (control & MSIX_CONTROL.functionMask) === 0;
  }
  get bar0(): number {
    const low = (this.#view.getUint32(HEADER.bar0, true) & ~(this.#o.barSize - 1)) >>> 0;
    return this.#view.getUint32(HEADER.bar0 + 4, true) * 2 ** 32 + low;
  }
}
