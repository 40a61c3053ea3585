import { CMD_ATC_INV } from "@faultline/shared/arm-smmu-v3/command.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { PciFunction } from "../link.ts";
import type { HardwarePorts } from "../ports.ts";

const Global = CMD_ATC_INV.reader("Global");
const SSV = CMD_ATC_INV.reader("SSV");
const SubstreamID = CMD_ATC_INV.reader("SubstreamID");
const StreamID = CMD_ATC_INV.reader("StreamID");
const Size = CMD_ATC_INV.reader("Size");
const ITAGS = 32;
/** A model parameter: the PCIe completion time-out is a root port's matter (60 to 90 s there). */
export const ATC_INV_TIMEOUT_NS = 60e9;

interface Outstanding {
  itag: number;
  completions: number;
  timer: { cancel(): void };
}

/** ATS Invalidate Requests in flight: ITags, completions, time-outs (spec/smmuv3.md, 8.5). */
export class AtcInvalidation {
  readonly #ports: HardwarePorts;
  readonly #function: (sid: number) => PciFunction | undefined;
  readonly #pasids: boolean;
  readonly #inFlight = new Map<number, Map<number, Outstanding>>();
  #outstanding = 0;
  #timedOut = false;
  /** A completion or a time-out: a waiting CMD_SYNC may go on. */
  progressed: () => void = () => {};

  /** `pasids` false (SSIDSIZE = 0): SSV = 1 acts as SSV = 0 (4.5.1, CONSTRAINED UNPREDICTABLE). */
  constructor(ports: HardwarePorts, functionOf: (sid: number) => PciFunction | undefined, pasids = true) {
    this.#ports = ports;
    this.#pasids = pasids;
    this.#function = functionOf;
  }

  outstanding(): number {
    return this.#outstanding;
  }
  takeTimeout(): boolean {
    const timedOut = this.#timedOut;
    this.#timedOut = false;
    return timedOut;
  }

  /** CMD_ATC_INV: spans of 4096 << Size, 52 and more: everything (CONSTRAINED UNPREDICTABLE above 52: acts as 52). "wait": all 32 ITags are in use. */
  execute(words: Uint32Array): true | "wait" {
    const sid = StreamID(words, 0);
    const target = this.#function(sid);
    if (!target) return true; // no function answers: UR, which completes
    const inFlight = this.#inFlight.get(sid) ?? new Map<number, Outstanding>();
    this.#inFlight.set(sid, inFlight);
    let itag = 0;
    while (inFlight.has(itag)) itag++;
    if (itag === ITAGS) return "wait";
    const size = Math.min(Size(words, 0), 52);
    const span = 4096n << BigInt(size);
    const address = (BigInt(words[3]) << 32n) | BigInt((words[2] & 0xfffff000) >>> 0);
    const pasid = this.#pasids && SSV(words, 0) ? SubstreamID(words, 0) : null;
    const timer = this.#ports.timer(ATC_INV_TIMEOUT_NS, () => this.#expire(sid, itag));
    inFlight.set(itag, { itag, completions: 0, timer });
    this.#outstanding++;
    this.#ports.tracer.emit("ats.invalidate-request", { sid: hex(sid), pasid: pasid ?? undefined, iova: hex(address & -span) }, { itag, bytes: hex(span) });
    const answer = target.invalidateRequest({
      pasid,
      global: pasid !== null && Global(words, 0) === 1,
      address: size === 52 ? 0n : address & -span,
      sizeBytes: span,
      itag,
    });
    if (answer === "UR") {
      this.#ports.tracer.emit("ats.invalidate-completion", { sid: hex(sid) }, { itag, status: "UR" });
      this.#finish(sid, itag);
    }
    return true;
  }

  /** Power-on: nothing is in flight. */
  reset(): void {
    for (const inFlight of this.#inFlight.values()) for (const { timer } of inFlight.values()) timer.cancel();
    this.#inFlight.clear();
    this.#outstanding = 0;
    this.#timedOut = false;
  }

  /** Invalidate Completion: one bit an ITag; the ITag is free after `count` messages (0 = 8). */
  complete(sid: number, itagVector: number, count: number): void {
    for (let itag = 0; itag < ITAGS; itag++) {
      if (((itagVector >>> itag) & 1) === 0) continue;
      const request = this.#inFlight.get(sid)?.get(itag);
      if (!request) continue; // unexpected completion: dropped
      if (++request.completions < (count === 0 ? 8 : count)) continue;
      this.#ports.tracer.emit("ats.invalidate-completion", { sid: hex(sid) }, { itag });
      this.#finish(sid, itag);
    }
  }

  #finish(sid: number, itag: number): void {
    const request = this.#inFlight.get(sid)?.get(itag);
    if (!request) return;
    request.timer.cancel();
    this.#inFlight.get(sid)?.delete(itag);
    this.#outstanding--;
    this.progressed();
  }

  #expire(sid: number, itag: number): void {
    if (!this.#inFlight.get(sid)?.has(itag)) return;
    this.#timedOut = true;
    this.#finish(sid, itag);
  }
}
