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
/** Events of a transaction whose STE was read: only then does STE.MEV speak. */
const MERGED: ReadonlySet<EventName> = new Set([...ADDRESSED, "F_STREAM_DISABLED", "F_TRANSL_FORBIDDEN", "C_BAD_SUBSTREAMID", "F_CD_FETCH", "C_BAD_CD"]);
/** Byte of InputAddr in a record. */
const INPUT_ADDR = EVENT.layout.InputAddr[1] / 8;

/** The transaction that an event is about. `address` has 64 bits; privilege and kind are those after STE overrides. */
export interface EventOrigin {
  sid: number;
  ssid: number | null;
  address: bigint;
  write: boolean;
  priv: boolean;
  exec: boolean;
}

/** The 32-byte record of a fault: only the fields that the event defines, the rest 0; FetchAddr below OAS and IPA below IAS, which is the same here (7.3; spec/smmuv3.md, 5.1). */
export function encodeEvent(fault: Fault, origin: EventOrigin, oas: number, stall?: { stag: number }): Uint8Array {
  const { event } = fault;
  const FetchAddr = Math.floor((fault.fetchAddr % 2 ** oas) / 8);
  const substream = origin.ssid !== null && !WITHOUT_SUBSTREAM.has(event);
  const common = { ID: EVENT_ID[event], StreamID: origin.sid, SubstreamID: substream ? (origin.ssid ?? 0) : 0, SSV: substream && event !== "C_BAD_SUBSTREAMID" ? 1 : 0 };
  if (event === "F_TRANSL_FORBIDDEN") return EVENT.encode({ ...common, RnW: origin.write ? 0 : 1, InputAddr: origin.address });
  // Span, R, W, X and PRIV of F_BAD_ATS_TREQ have no published position (spec/smmuv3.md, 5.2): 0.
  if (event === "F_BAD_ATS_TREQ") return EVENT.encode({ ...common, InputAddr: origin.address & ~0xfffn });
  if (event === "F_STE_FETCH" || event === "F_CD_FETCH") return EVENT.encode({ ...common, FetchAddr });
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
  if (event === "F_WALK_EABT") return EVENT.encode({ ...record, FetchAddr });
  return EVENT.encode({
    ...record,
    IPA: fault.s2 ? Math.floor((fault.ipa % 2 ** oas) / 4096) : 0,
    TTRnW: event === "F_PERMISSION" && fault.class === 1 ? fault.ttRnW : 0,
  });
}

/** The event queue: overflow flag protocol, abort on write, merging, interrupt on empty to non-empty (3.5.3, 3.5.4, 7.2). */
export class EventQueue {
  readonly queue: QueueRegisters;
  readonly #regs: RegisterFile;
  readonly #ports: HardwarePorts;
  readonly #gerror: Gerror;
  readonly #interrupts: Interrupts;
  readonly #oas: number;
  readonly #merges: boolean;
  /** The last record, while a later event may be merged into it, and the PROD that it left. */
  #last: { record: Uint8Array; prod: number } | null = null;

  /**
   * `merges` false: every event has its own record. 7.3.1 permits merging (STE.MEV) and never asks for it; without it a run can count its faults, so it is off
   * unless a test of software that must tolerate it switches it on.
   */
  constructor(regs: RegisterFile, sizes: { eventqLog2: number; oas: number }, ports: HardwarePorts, gerror: Gerror, interrupts: Interrupts, merges = false) {
    this.queue = new QueueRegisters(regs, "EVENTQ", 32, sizes.eventqLog2);
    this.#oas = sizes.oas;
    this.#regs = regs;
    this.#ports = ports;
    this.#gerror = gerror;
    this.#interrupts = interrupts;
    this.#merges = merges;
  }

  get enabled(): boolean {
    return (this.#regs.low("CR0") & 4) !== 0;
  }

  /** 7.4: writable means enabled, not full, no EVENTQ_ABT_ERR. */
  get writable(): boolean {
    return this.enabled && !this.queue.full && !this.#gerror.active("EVENTQ_ABT_ERR");
  }

  /** Records the event of a terminated transaction, or loses it: overflow toggles OVFLG once (7.4). `mev`: STE.MEV. True when it was written or merged. */
  record(fault: Fault, origin: EventOrigin, mev = 0): boolean {
    const { queue } = this;
    const record = encodeEvent(fault, origin, this.#oas);
    // What is merged must be unread: software sees the two as one record.
    const mergeable = this.#merges && mev === 1 && MERGED.has(fault.event);
    if (mergeable && this.#last !== null && this.#last.prod === queue.prod && !queue.empty && same(this.#last.record, record, fault.event)) return true;
    const full = queue.full || (!queue.empty && this.writable && this.#fails("full", fault, origin));
    if (full || !this.writable) {
      const overflows = this.enabled && full && !this.#gerror.active("EVENTQ_ABT_ERR");
      if (overflows && ((queue.prod ^ queue.cons) & OVFLG) === 0) queue.prod = (queue.prod ^ OVFLG) >>> 0;
      return false;
    }
    const written = this.#write(fault, origin, record, null);
    this.#last = written && mergeable ? { record, prod: queue.prod } : null;
    return written;
  }

  /** Records a stalled transaction in a queue that is writable: it is never discarded (7.4), but an abort of the write loses the record. True when it was written. */
  recordStall(fault: Fault, origin: EventOrigin, stag: number): boolean {
    this.#last = null;
    return this.#write(fault, origin, encodeEvent(fault, origin, this.#oas, { stag }), stag);
  }

  /** Power-on. */
  reset(): void {
    this.#last = null;
  }

  /** Whether the lab lets the write of this record fail. A queue acts as full only when it has entries: their reader sees the overflow. */
  #fails(action: "full" | "abort", { event }: Fault, { sid }: EventOrigin): boolean {
    const { faults } = this.#ports;
    return faults?.armed === true && faults.fails("smmu:eventq", action, { sid, event });
  }

  /** Synchronous abort: PROD does not move and there is no queue interrupt (7.2). */
  #write(fault: Fault, origin: EventOrigin, record: Uint8Array, stag: number | null): boolean {
    const { queue } = this;
    const address = queue.address(queue.prod);
    if (!this.#ports.memory.contains(address, 32) || this.#fails("abort", fault, origin)) {
      this.#gerror.raise("EVENTQ_ABT_ERR");
      return false;
    }
    const wasEmpty = queue.empty;
    this.#ports.host.post(address, record);
    queue.prod = ((queue.prod & OVFLG) | increment(queue.prod, queue.log2Size)) >>> 0;
    this.#ports.tracer.emit(
      "event-queue.record",
      { sid: hex(origin.sid), ssid: origin.ssid ?? undefined, iova: hex(origin.address) },
      { event: fault.event, s2: fault.s2, class: fault.class, read: !origin.write, stall: stag !== null, stag: stag ?? undefined, ipa: hex(fault.ipa) },
    );
    if (wasEmpty) this.#interrupts.raise("EVENTQ");
    return true;
  }
}

/** Equal in all but InputAddr[11:0], which may differ only in the events of an address (7.3.1; spec/smmuv3.md, 5.4). */
function same(a: Uint8Array, b: Uint8Array, event: EventName): boolean {
  const offsetIgnored = event === "F_TRANSL_FORBIDDEN" || ADDRESSED.has(event);
  for (let i = 0; i < a.length; i++) {
    const compared = !offsetIgnored || i < INPUT_ADDR || i > INPUT_ADDR + 1 ? 0xff : i === INPUT_ADDR ? 0 : 0xf0;
    if (((a[i] ^ b[i]) & compared) !== 0) return false;
  }
  return true;
}
