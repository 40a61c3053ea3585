import { CAPABILITY, DEVICE_CONTROL, HEADER, PCIE } from "@faultline/shared/pcie/capabilities.ts";
import type { PciFunction } from "./link.ts";

/** Header Type, bit 7 (PCIe 7.5.1.1.9). */
const MULTI_FUNCTION = 0x80;
/** Status register, RW1C (PCIe 7.5.1.1.4): set in a requester that receives a completion with CA, or with UR. */
const RECEIVED_TARGET_ABORT = 0x1000,
  RECEIVED_MASTER_ABORT = 0x2000;
const ABORTED = { CA: RECEIVED_TARGET_ABORT, UR: RECEIVED_MASTER_ABORT } as const;
const deviceOf = (bdf: number): number => bdf >> 3;

/** What of a function's type 0 header depends on more than the function: other functions of its device, and how its requests were completed. What a function itself detects is in its AER capability (endpoint/error-reporting.ts). Not modelled: a root port. */
export class FunctionHeaders {
  readonly #functions: ReadonlyMap<number, PciFunction>;
  readonly #status = new Map<number, number>();

  constructor(functions: ReadonlyMap<number, PciFunction>) {
    this.#functions = functions;
  }

  /** A completion reached the function that had sent the request; a posted write has none. */
  completed(sid: number, status: "SC" | "UR" | "CA" | "stalled"): void {
    if (status === "UR" || status === "CA") this.#status.set(sid, (this.#status.get(sid) ?? 0) | ABORTED[status]);
  }

  /** Power-on, or a function that is not there. */
  reset(sid?: number): void {
    if (sid === undefined) this.#status.clear();
    else this.#status.delete(sid);
  }

  /** A configuration read of 1, 2 or 4 bytes; ones of a function that is not there stay ones. */
  read(fn: PciFunction, offset: number, size: number): number {
    const value = fn.configRead(offset, size);
    if (offset >= HEADER.bar0) return value;
    const several = [...this.#functions.keys()].some((bdf) => bdf !== fn.sid && deviceOf(bdf) === deviceOf(fn.sid));
    const added = at(HEADER.headerType, several ? MULTI_FUNCTION : 0, offset, size) | at(HEADER.status, this.#status.get(fn.sid) ?? 0, offset, size);
    return (value | added) >>> 0;
  }

  write(fn: PciFunction, offset: number, size: number, value: number): void {
    if (offset < HEADER.revision && offset + size > HEADER.status) {
      const ones = Math.floor(value * 2 ** (8 * (offset - HEADER.status))) & 0xffff;
      this.#status.set(fn.sid, (this.#status.get(fn.sid) ?? 0) & ~ones);
    }
    const reset = initiatesReset(fn, offset, size, value);
    fn.configWrite(offset, size, value);
    if (reset) this.reset(fn.sid);
  }
}

/** `bits` of the register at `register` as a read at `offset` shows them. */
function at(register: number, bits: number, offset: number, size: number): number {
  if (bits === 0 || register + 2 <= offset || register >= offset + size) return 0;
  const shift = 8 * (register - offset);
  return Math.floor(bits * 2 ** shift) % 2 ** (8 * size);
}

/** Initiate Function Level Reset (PCIe 6.6.2), bit 15 of Device Control. */
function initiatesReset(fn: PciFunction, offset: number, size: number, value: number): boolean {
  let capability = fn.configRead(HEADER.capabilities, 1);
  while (capability >= 0x40 && capability < 0xff && fn.configRead(capability, 1) !== CAPABILITY.PCIe) capability = fn.configRead(capability + 1, 1);
  const high = capability + PCIE.deviceControl + 1;
  return offset <= high && offset + size > high && ((value >>> (8 * (high - offset))) & (DEVICE_CONTROL.initiateFunctionLevelReset >>> 8)) !== 0;
}
