import { PRIQ_ENTRY } from "@faultline/shared/arm-smmu-v3/page-request.ts";
import { increment } from "@faultline/shared/arm-smmu-v3/queue-pointer.ts";
import { hex } from "@faultline/shared/codec/uint64.ts";
import { PRG_RESPONSE_CODE } from "@faultline/shared/page-response/page-response.ts";
import type { HardwarePorts } from "../ports.ts";
import { QueueRegisters } from "../queue-registers.ts";
import type { Gerror } from "../register-file/gerror.ts";
import type { Interrupts } from "../register-file/interrupt.ts";
import type { RegisterFile } from "../register-file/register-file.ts";

const OVFLG = 0x8000_0000;

/** A Page Request message as it arrives. `pasid` null: no prefix, then `priv` and `exec` are false. */
export interface PageRequest {
  sid: number;
  pasid: number | null;
  priv: boolean;
  exec: boolean;
  read: boolean;
  write: boolean;
  last: boolean;
  prgi: number;
  address: bigint;
}

/** 8.1: L = 1, R = W = 0 with a PASID. The same bits without one are an ordinary request. */
export const isStopMarker = (r: PageRequest): boolean => r.pasid !== null && r.last && !r.read && !r.write;

export interface PriQueueOwner {
  respond(sid: number, pasid: number | null, prgi: number, code: number): void;
  /** 8.1: whether the automatic response carries the PASID; `failure` when the STE needed for PPAR cannot be had. */
  overflowPasid(sid: number): boolean | "failure";
}

/** The PRI queue and its automatic responses (8.1 to 8.3; spec/smmuv3.md, 6.2 and 6.3). */
export class PriQueue {
  readonly queue: QueueRegisters;
  readonly #regs: RegisterFile;
  readonly #ports: HardwarePorts;
  readonly #gerror: Gerror;
  readonly #interrupts: Interrupts;
  readonly #owner: PriQueueOwner;
  readonly #ssidBits: number;

  constructor(regs: RegisterFile, sizes: { priqLog2: number; ssidBits: number }, ports: HardwarePorts, gerror: Gerror, interrupts: Interrupts, owner: PriQueueOwner) {
    this.queue = new QueueRegisters(regs, "PRIQ", 16, sizes.priqLog2);
    this.#ssidBits = sizes.ssidBits;
    this.#regs = regs;
    this.#ports = ports;
    this.#gerror = gerror;
    this.#interrupts = interrupts;
    this.#owner = owner;
  }

  /** Effective PRIQEN: PRIQEN (RES0 without IDR0.PRI, so CR0ACK is asked) and SMMUEN (6.3.9). */
  get enabled(): boolean {
    return (this.#regs.low("CR0ACK") & 3) === 3;
  }
  get overflowActive(): boolean {
    return ((this.queue.prod ^ this.queue.cons) & OVFLG) !== 0;
  }

  receive(request: PageRequest): void {
    const { queue } = this;
    if (!this.enabled || this.#gerror.active("PRIQ_ABT_ERR")) {
      this.#fail(request);
      return;
    }
    if (!this.overflowActive && (queue.full || (!queue.empty && this.#fails("full", request)))) queue.prod = (queue.prod ^ OVFLG) >>> 0;
    if (this.overflowActive) this.#discard(request);
    else this.#enqueue(request);
  }

  #enqueue(request: PageRequest): void {
    const { queue } = this;
    const address = queue.address(queue.prod);
    if (!this.#ports.memory.contains(address, 16) || this.#fails("abort", request)) {
      // A synchronous abort: PROD does not move (8.2).
      this.#gerror.raise("PRIQ_ABT_ERR");
      this.#fail(request);
      return;
    }
    const wasEmpty = queue.empty;
    const index = queue.prod;
    this.#ports.host.post(address, encodePageRequest(request));
    queue.prod = increment(queue.prod, queue.log2Size) | (queue.prod & OVFLG);
    if (this.#ports.tracer.wants("pri-queue.record")) {
      this.#ports.tracer.emit("pri-queue.record", ids(request), { index, last: request.last, R: request.read, W: request.write, stopMarker: isStopMarker(request) });
    }
    // PRIQ_IRQ_CFG2.LO: 0 on empty to non-empty, 1 when a Last request is written (6.3.34).
    const onLast = (this.#regs.low("PRIQ_IRQ_CFG2") & OVFLG) !== 0;
    if (onLast ? request.last : wasEmpty) this.#interrupts.raise("PRIQ");
  }

  /** Whether the lab lets the write of this record fail. A queue acts as full only when it has entries: their reader sees the overflow. */
  #fails(action: "full" | "abort", { sid, pasid, prgi, last }: PageRequest): boolean {
    const { faults } = this.#ports;
    return faults?.armed === true && faults.fails("smmu:priq", action, { sid, pasid: pasid ?? undefined, grpid: prgi, last });
  }

  /** Row 1 and row 5 of spec/smmuv3.md 6.2: Response Failure without PASID, Last or not; a Stop Marker gets none. */
  #fail(request: PageRequest): void {
    if (isStopMarker(request)) return;
    this.#answer(request, null, PRG_RESPONSE_CODE.ResponseFailure);
  }

  /** Rows 3 and 4: only a Last request is answered, with Success, so that the endpoint tries again. */
  #discard(request: PageRequest): void {
    if (isStopMarker(request) || !request.last) return;
    if ((this.#regs.low("PRIQ_IRQ_CFG2") & OVFLG) !== 0) this.#interrupts.raise("PRIQ");
    const withPasid = request.pasid !== null && this.#ssidBits !== 0 && this.#owner.overflowPasid(request.sid);
    if (withPasid === "failure") this.#answer(request, null, PRG_RESPONSE_CODE.ResponseFailure);
    else this.#answer(request, withPasid ? request.pasid : null, PRG_RESPONSE_CODE.Success);
  }

  #answer(request: PageRequest, pasid: number | null, code: number): void {
    this.#ports.tracer.emit("pri-queue.auto-response", ids(request), { code, withPasid: pasid !== null, last: request.last });
    this.#owner.respond(request.sid, pasid, request.prgi, code);
  }
}

const ids = (r: PageRequest) => ({ sid: hex(r.sid), pasid: r.pasid ?? undefined, grpid: r.prgi, iova: hex(r.address) });

function encodePageRequest(r: PageRequest): Uint8Array {
  const ssv = r.pasid !== null;
  return PRIQ_ENTRY.encode({
    StreamID: r.sid,
    SubstreamID: r.pasid ?? 0,
    SSV: Number(ssv),
    Priv: Number(ssv && r.priv),
    X: Number(ssv && r.exec),
    R: Number(r.read),
    W: Number(r.write),
    Last: Number(r.last),
    PRGIndex: r.prgi,
    Addr: r.address >> 12n,
  });
}
