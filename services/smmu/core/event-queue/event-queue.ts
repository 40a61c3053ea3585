import { EVENT, EVENT_ID, type EventName } from "@faultline/shared/arm-smmu-v3/event-record.ts";
import { increment } from "@faultline/shared/arm-smmu-v3/queue-pointer.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import type { Fault } from "../fault.ts";
import type { HardwarePorts } from "../ports.ts";
import { QueueRegisters } from "../queue-registers.ts";
import type { Gerror } from "../register-file/gerror.ts";
import type { Interrupts } from "../register-file/interrupt.ts";
import type { RegisterFile } from "../register-file/register-file.ts";

const OVFLG = 0x8000_0000;
const WITHOUT_SUBSTREAM: ReadonlySet<EventName> = new Set(["F_STREAM_DISABLED", "F_TRANSL_FORBIDDEN"]);
const ADDRESSED: ReadonlySet<EventName> = new Set(["F_WALK_EABT", "F_TRANSLATION", "F_ADDR_SIZE", "F_ACCESS", "F_PERMISSION"]);

/** The transaction that an event is about. `address` has 64 bits; privilege and kind are those after STE overrides. */
export interface EventOrigin {
  sid: number;
  ssid: number | null;
  address: bigint;
  write: boolean;
  priv: boolean;
  exec: boolean;
}

/** The 32-byte record of a fault: only the fields that the event defines, the rest 0 (7.3). */
export function encodeEvent(fault: Fault, origin: EventOrigin, stall?: { stag: number }): Uint8Array {
  const { event } = fault;
  const substream = origin.ssid !== null && !WITHOUT_SUBSTREAM.has(event);
  const common = { ID: EVENT_ID[event], StreamID: origin.sid, SubstreamID: substream ? (origin.ssid ?? 0) : 0, SSV: substream && event !== "C_BAD_SUBSTREAMID" ? 1 : 0 };
  if (event === "F_TRANSL_FORBIDDEN") return EVENT.encode({ ...common, RnW: origin.write ? 0 : 1, InputAddr: origin.address });
  // Span, R, W, X and PRIV of F_BAD_ATS_TREQ have no published position (spec/smmuv3.md, 5.2): 0.
  if (event === "F_BAD_ATS_TREQ") return EVENT.encode({ ...common, InputAddr: origin.address & ~0xfffn });
  if (event === "F_STE_FETCH" || event === "F_CD_FETCH") return EVENT.encode({ ...common, FetchAddr: Math.floor(fault.fetchAddr / 8) });
  if (!ADDRESSED.has(event)) return EVENT.encode(common);
  const record = {
    ...common,
    RnW: origin.write ? 0 : 1,
    PnU: Number(origin.priv),
    InD: Number(origin.exec && !origin.write),
    S2: Number(fault.s2),
    CLASS: fault.class,
    InputAddr: origin.address,
    Stall: stall ? 1 : 0,
    STAG: stall?.stag ?? 0,
  };
  if (event === "F_WALK_EABT") return EVENT.encode({ ...record, FetchAddr: Math.floor(fault.fetchAddr / 8) });
  return EVENT.encode({ ...record, IPA: fault.s2 ? Math.floor(fault.ipa / 4096) : 0, TTRnW: event === "F_PERMISSION" && fault.class === 1 ? fault.ttRnW : 0 });
}

/** The event queue: overflow flag protocol, abort on write, interrupt on empty to non-empty (3.5.3, 7.2). */
export class EventQueue {
  readonly queue: QueueRegisters;
  readonly #regs: RegisterFile;
  readonly #ports: HardwarePorts;
  readonly #gerror: Gerror;
  readonly #interrupts: Interrupts;

  constructor(regs: RegisterFile, maximumLog2: number, ports: HardwarePorts, gerror: Gerror, interrupts: Interrupts) {
    this.queue = new QueueRegisters(regs, "EVENTQ", 32, maximumLog2);
    this.#regs = regs;
    this.#ports = ports;
    this.#gerror = gerror;
    this.#interrupts = interrupts;
  }

  get enabled(): boolean {
    return (this.#regs.low("CR0") & 4) !== 0;
  }

  /** 7.4: writable means enabled, not full, no EVENTQ_ABT_ERR. */
  get writable(): boolean {
    return this.enabled && !this.queue.full && !this.#gerror.active("EVENTQ_ABT_ERR");
  }

  /** Records an event, or loses it: overflow toggles OVFLG once (7.4). True when it was written. */
  record(fault: Fault, origin: EventOrigin, stall?: { stag: number }): boolean {
    const { queue } = this;
    if (!this.writable) {
      const overflows = this.enabled && queue.full && !this.#gerror.active("EVENTQ_ABT_ERR");
      if (overflows && ((queue.prod ^ queue.cons) & OVFLG) === 0) queue.prod = (queue.prod ^ OVFLG) >>> 0;
      return false;
    }
    const address = queue.address(queue.prod);
    if (!this.#ports.memory.contains(address, 32)) {
      this.#gerror.raise("EVENTQ_ABT_ERR");
      return false;
    }
    const wasEmpty = queue.empty;
    this.#ports.host.post(address, encodeEvent(fault, origin, stall));
    queue.prod = ((queue.prod & OVFLG) | increment(queue.prod, queue.log2Size)) >>> 0;
    this.#ports.tracer.emit(
      "event-queue.record",
      { sid: hex(origin.sid), ssid: origin.ssid ?? undefined, iova: hex(origin.address) },
      { event: fault.event, s2: fault.s2, class: fault.class, read: !origin.write, stall: stall !== undefined, ipa: hex(fault.ipa) },
    );
    if (wasEmpty) this.#interrupts.raise("EVENTQ");
    return true;
  }
}
